import { suggestion } from '../../base/suggest.ts'
import { merge, table, type Table, type Text, type Tree, textAt } from './tree.ts'

interface Region {
  readonly name: Text
  /** The region's own settings, which override the cloud's. */
  readonly values: Table
}

const readRegion = (item: Tree, problems: string[]): readonly Region[] => {
  if (item.kind === 'text' && item.text !== '') return [{ name: item, values: table(item.where) }]
  const name = item.kind === 'table' ? textAt(item, 'name') : undefined
  const values = item.kind === 'table' ? (item.entries.get('values') ?? table(item.where)) : undefined
  if (name && values?.kind === 'table') return [{ name, values }]
  problems.push(`${item.where}: a region is a name, or a mapping with \`name\` and \`values\``)
  return []
}

const readRegions = (cloud: Table, problems: string[]): readonly Region[] => {
  const regions = cloud.entries.get('regions')
  if (regions?.kind === 'list') return regions.items.flatMap((item) => readRegion(item, problems))
  if (regions !== undefined) problems.push(`${regions.where}: \`regions\` must be a list`)
  const single = textAt(cloud, 'region_name')
  if (single === undefined) return []
  return single.text.split(',').map((text) => ({ name: { ...single, text: text.trim() }, values: table(single.where) }))
}

/**
 * Merges one region's settings into the cloud and sets `region_name`. Chooses as openstacksdk does: the wish, which
 * must be among `regions`, else the first region.
 * @param problems receives each problem with its place
 */
export const pickRegion = (cloud: Table, wish: Text | undefined, problems: string[]): Table => {
  const regions = readRegions(cloud, problems)
  const chosen = wish === undefined ? regions[0] : regions.find(({ name }) => name.text === wish.text)
  if (wish !== undefined && chosen === undefined && cloud.entries.has('regions')) {
    const names = regions.map(({ name }) => name.text)
    problems.push(
      `${wish.where}: the cloud has no region \`${wish.text}\`, only ${names.join(', ')}${suggestion(wish.text, names)}`,
    )
  }
  const name = wish ?? chosen?.name
  if (name === undefined) return cloud
  return merge(merge(cloud, chosen?.values ?? table(cloud.where)), table(cloud.where, [['region_name', name]]))
}
