/** Finds and reads clouds.yaml and secure.yaml as openstacksdk does. Called by config.ts. */
import path from 'node:path'
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml'
import { Failure } from '../../base/failure.ts'
import { fileTrouble } from '../../base/file-failure.ts'
import { merge, table, type Table, type Tree, underscored } from './tree.ts'

export interface FileWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  /** undefined if the file is missing; throws on any other failure. */
  read(path: string): Promise<Uint8Array | undefined>
}

export interface CloudFiles {
  /** `clouds:` of clouds.yaml with that of secure.yaml merged over it. */
  readonly clouds: Table
  /** The files that were read, as shown to the operator. */
  readonly found: readonly string[]
  /** Every path tried for clouds.yaml, with the reason if a file exists but cannot be read. */
  readonly searched: readonly string[]
}

/**
 * The folders that openstacksdk searches, in its order (openstack/config/loader.py: the working folder, the user's
 * configuration folder, ~/.config/openstack, the site's, /etc/openstack).
 */
const folders = ({ env, cwd }: FileWorld): string[] => {
  const home = env['SNAP_REAL_HOME'] ?? env['HOME']
  const site = (env['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':').filter((folder) => folder !== '')
  return [
    ...new Set([
      cwd,
      ...(env['XDG_CONFIG_HOME'] ? [path.join(env['XDG_CONFIG_HOME'], 'openstack')] : []),
      ...(home ? [path.join(home, '.config/openstack')] : []),
      ...site.map((folder) => path.join(folder, 'openstack')),
      '/etc/openstack',
    ]),
  ]
}

const candidates = (stem: 'clouds' | 'secure', world: FileWorld): string[] =>
  folders(world).flatMap((folder) => ['yaml', 'yml', 'json'].map((ending) => path.join(folder, `${stem}.${ending}`)))

const shown = (file: string, cwd: string): string => (path.dirname(file) === cwd ? path.basename(file) : file)

interface Found {
  readonly file: string
  readonly text: string
}

/** The first readable file. An unreadable file is skipped, as openstacksdk does, but listed in `searched`. */
const firstOf = async (files: readonly string[], world: FileWorld): Promise<{ found: Found | undefined; searched: string[] }> => {
  const searched: string[] = []
  for (const file of files) {
    try {
      const bytes = await world.read(file)
      if (bytes !== undefined) return { found: { file: shown(file, world.cwd), text: new TextDecoder().decode(bytes) }, searched }
      searched.push(file)
    } catch (error) {
      searched.push(`${file} (${fileTrouble(error).why})`)
    }
  }
  return { found: undefined, searched }
}

/** Finds one of the two files. A file that a variable names must exist: another file could mean another cloud. */
const locate = async (stem: 'clouds' | 'secure', variable: string, world: FileWorld) => {
  const named = world.env[variable]
  if (!named) return firstOf(candidates(stem, world), world)
  const result = await firstOf([path.resolve(world.cwd, named)], world)
  if (result.found === undefined)
    throw new Failure(`${variable} names a file that cannot be read`, {
      kind: 'input',
      why: `tried ${result.searched.join(', ')}`,
      help: `correct ${variable}, or unset it to search the usual places`,
    })
  return result
}

const HELP: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'tabs cannot indent YAML: use spaces',
  DUPLICATE_KEY: 'this key is duplicated: keep one',
  BAD_SCALAR_START: 'a value cannot start with this character: put it in quotes',
  BAD_ALIAS: 'a value that starts with `*` must be in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a value that holds `: ` must be in quotes',
  MULTILINE_IMPLICIT_KEY: 'a key must be followed by `:` on its line; is one missing, or is the indentation wrong?',
  MISSING_CHAR: 'something is missing here: a closing quote, a closing bracket, or `:` after a key',
  BAD_INDENT: 'the indentation does not match the lines above',
  MULTIPLE_DOCS: 'one document only: remove the second `---`',
}

/**
 * Reads YAML or JSON into a tree, with every problem as `file:line:column: problem`. Never quotes values, which may
 * be secrets.
 */
export const parseTree = (
  file: string,
  text: string,
): { readonly tree: Tree | undefined; readonly problems: readonly string[] } => {
  const lines = new LineCounter()
  const doc = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false, logLevel: 'error' })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const problems = [
    ...doc.errors.map(
      (error) =>
        `${at(error.pos[0])}: ${HELP[error.code] ?? `this is not valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`}`,
    ),
    ...doc.warnings.map((warning) => `${at(warning.pos[0])}: a value that starts with \`!\` must be in quotes`),
  ]
  const open = new Set<Node>()

  const walk = (node: unknown, where: string): Tree => {
    if (isAlias(node)) return resolve(node, where)
    if (isMap(node)) return walkMap(node, where)
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => walk(item, placeOf(item, where))), where }
    const plain = isScalar(node) && node.type === 'PLAIN'
    const value = isScalar(node) ? String(node.value ?? '') : ''
    return { kind: 'text', text: plain && /^(~|null|Null|NULL)$/.test(value) ? '' : value, where }
  }
  const placeOf = (node: unknown, otherwise: string): string => {
    const range = (node as Node | null)?.range
    return range ? at(range[0]) : otherwise
  }
  const resolve = (alias: Alias, where: string): Tree => {
    const target = alias.resolve(doc)
    if (target === undefined || open.has(target)) {
      problems.push(`${placeOf(alias, where)}: unknown anchor; a value that starts with \`*\` must be in quotes`)
      return { kind: 'text', text: '', where }
    }
    open.add(target)
    const tree = walk(target, where)
    open.delete(target)
    return tree
  }
  /** Supports the merge keys of YAML 1.1 (`<<: *defaults`): PyYAML reads them, so any clouds.yaml may use them. */
  const walkMap = (map: YAMLMap, where: string): Table => {
    let inherited = table(where)
    const own = new Map<string, Tree>()
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const place = placeOf(key, where)
      if (name !== '<<') {
        own.set(name, walk(value, place))
        continue
      }
      const merged = walk(value, place)
      const parents = merged.kind === 'list' ? merged.items : [merged]
      for (const parent of parents.toReversed())
        if (parent.kind === 'table') inherited = table(where, [...inherited.entries, ...parent.entries])
        else problems.push(`${place}: \`<<\` takes a mapping, or a list of them`)
    }
    return table(where, [...inherited.entries, ...own])
  }

  const tree = doc.contents === null ? undefined : walk(doc.contents, `${file}:1:1`)
  return { tree, problems }
}

/** `clouds:` of one file. */
const cloudsOf = ({ file, text }: Found): { clouds: Table; problems: readonly string[] } => {
  const { tree, problems } = parseTree(file, text)
  const none = table(`${file}:1:1`)
  if (problems.length > 0 || tree === undefined) return { clouds: none, problems }
  if (tree.kind !== 'table')
    return { clouds: none, problems: [`${tree.where}: the file must be a mapping that starts with \`clouds:\``] }
  const clouds = tree.entries.get('clouds')
  if (clouds?.kind === 'table')
    return {
      clouds: table(
        clouds.where,
        [...clouds.entries].map(([name, cloud]) => [name, underscored(cloud)]),
      ),
      problems,
    }
  if (clouds === undefined && tree.entries.size === 0) return { clouds: none, problems }
  const wrong = clouds ?? [...tree.entries.values()][0]!
  const what =
    clouds === undefined
      ? 'the top-level key `clouds:` is missing'
      : '`clouds:` must be a mapping from a name to the settings of a cloud'
  return { clouds: none, problems: [`${wrong.where}: ${what}`] }
}

/**
 * Finds and reads clouds.yaml and secure.yaml. Throws a `Failure` of kind `input` that lists every problem with its
 * place.
 */
export const readCloudFiles = async (world: FileWorld): Promise<CloudFiles> => {
  const main = await locate('clouds', 'OS_CLIENT_CONFIG_FILE', world)
  const secure = await locate('secure', 'OS_CLIENT_SECURE_FILE', world)
  const read = [main.found, secure.found].filter((found) => found !== undefined)
  const parsed = read.map(cloudsOf)
  const problems = parsed.flatMap((file) => file.problems)
  if (problems.length > 0)
    throw new Failure(`${read.map(({ file }) => file).join(' and ')} cannot be parsed`, {
      kind: 'input',
      why: problems.join('\n'),
      help: 'correct the lines named above',
    })
  return {
    clouds: parsed.map((file) => file.clouds).reduce(merge, table('')),
    found: read.map(({ file }) => file),
    searched: main.searched,
  }
}
