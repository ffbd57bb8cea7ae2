/** The parts of the real cloud that exist on this machine, running or kept. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { boot, halt, leaderOf, type HostFiles } from './hosts.ts'
import { knownHosts } from './keys.ts'
import { digestOf, lowerOf, stackOf } from './layers.ts'
import { controller, hosts, plain, roleOf, sources, variantName, type Host, type Layout, type Variant } from './layout.ts'
import { plugIn, unplug } from './network.ts'
import { startFirst } from './first-start.ts'
import { ready } from './services.ts'
import type { Progress } from './progress.ts'
import { run } from './program.ts'
import { filesBelow, novaUid, partsOf, stage, stageKeys, startPartsOf } from './settings.ts'

/** What the running cloud was started as. */
export interface Running {
  readonly variant: Variant
  readonly seed: string
  /** The snapshot that it went on from. */
  readonly from: string | undefined
}

const runningFile = (layout: Layout): string => join(layout.run, 'running.json')

/** How the cloud was started, as long as all of its hosts run. */
export const whatRuns = async (layout: Layout): Promise<Running | undefined> => {
  if (!existsSync(runningFile(layout))) return undefined
  const leaders = await Promise.all(hosts.map((host) => leaderOf(layout, host)))
  return leaders.every((leader) => leader !== undefined) ? JSON.parse(await readFile(runningFile(layout), 'utf8')) : undefined
}

/** The sources that decide what the first start leaves behind. */
const seedSources = ['first-start.ts', 'settings.ts', 'guest.ts', 'guest.S', 'layout.ts']

/**
 * The name of a seed: what the hosts have written when the first start is over, kept as one more read-only layer. Everything that
 * decides it is in the digest. A shared instances folder comes at a later start and is not part of it.
 */
export const seedOf = async (layout: Layout, variant: Variant): Promise<string> => {
  const like = { ...plain, neutron: variant.neutron }
  const stacks = await Promise.all([...stackOf('controller', like), ...stackOf('compute', like)].map(digestOf))
  const conf = (await filesBelow(join(sources, 'conf'))).map((file) => join('conf', file))
  const texts = await Promise.all(
    [...seedSources, ...conf].map(async (file) => [file, await readFile(join(sources, file), 'utf8')]),
  )
  const hash = createHash('sha256')
    .update(JSON.stringify([stacks, texts, await knownHosts(layout)]))
    .digest('hex')
  return `${variantName(like)}-${hash.slice(0, 12)}`
}

const hostFolder = (layout: Layout, host: Host): string => join(layout.run, host)

const filesOf = async (layout: Layout, host: Host, variant: Variant, states: readonly string[]): Promise<HostFiles> => {
  const shared = join(layout.run, 'instances')
  const binds = variant.shared && host !== controller ? [`--bind=${shared}:/srv/nova-instances`] : []
  return {
    lower: [...states.map((folder) => join(folder, host)), ...(await lowerOf(layout, roleOf(host), variant))],
    folder: hostFolder(layout, host),
    staging: join(layout.run, 'staging', host),
    options: binds,
  }
}

const bootAll = async (layout: Layout, variant: Variant, states: readonly string[], progress: Progress): Promise<void> => {
  await progress.step('network', () => plugIn(layout, variant))
  if (variant.shared) {
    await mkdir(join(layout.run, 'instances'), { recursive: true })
    await run(['chown', `${novaUid}:${novaUid}`, join(layout.run, 'instances')])
  }
  await progress.step('booting the hosts', () =>
    Promise.all(hosts.map(async (host) => boot(layout, host, await filesOf(layout, host, variant, states)))),
  )
}

const haltAll = (layout: Layout, grace: number): Promise<unknown> => Promise.all(hosts.map((host) => halt(layout, host, grace)))

/** Ends the hosts, takes the network away and removes what the hosts have written. Leaves nothing but the cache. */
export const takeDown = async (layout: Layout, grace = 0): Promise<void> => {
  await haltAll(layout, grace)
  await unplug(layout)
  await rm(layout.run, { recursive: true, force: true })
}

/** Powers the hosts off and moves what they have written to `folder`, one folder a host. */
const keep = async (layout: Layout, folder: string): Promise<void> => {
  await haltAll(layout, 90)
  const part = `${folder}.part`
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { recursive: true })
  for (const host of hosts) await rename(join(hostFolder(layout, host), 'upper'), join(part, host))
  await run(['sync', '--file-system', part])
  await rm(folder, { recursive: true, force: true })
  await rename(part, folder)
}

/** Makes the seed unless it is there: the first start from nothing, then a clean stop. */
const makeSeed = async (layout: Layout, variant: Variant, seed: string, progress: Progress): Promise<void> => {
  const folder = join(layout.seeds, seed)
  if (existsSync(folder)) return
  const like = { ...plain, neutron: variant.neutron }
  await takeDown(layout)
  for (const host of hosts) {
    const { staging } = await filesOf(layout, host, like, [])
    await stage(layout, host, partsOf(host, like), staging)
    await stageKeys(layout, host, staging)
  }
  await bootAll(layout, like, [], progress)
  await startFirst(layout, like, progress)
  await progress.step('keeping the state of the first start', () => keep(layout, folder))
  await takeDown(layout)
  const old = (await readdir(layout.seeds)).filter((name) => name.startsWith(`${variantName(like)}-`) && name !== seed)
  for (const name of old) await rm(join(layout.seeds, name), { recursive: true, force: true })
}

const snapshotFile = (folder: string): string => join(folder, 'of.json')

/** Starts the cloud from its seed, or from a snapshot; what is running already stays. */
export const bringUp = async (layout: Layout, variant: Variant, from: string | undefined, progress: Progress): Promise<void> => {
  await Promise.all([layout.seeds, layout.run].map((folder) => mkdir(folder, { recursive: true })))
  const seed = await seedOf(layout, variant)
  const snapshot = from === undefined ? undefined : join(layout.snapshots, from)
  if (snapshot !== undefined) {
    if (!existsSync(snapshot)) throw new Error(`there is no snapshot ${from}; ${await snapshotList(layout)}`)
    const of = JSON.parse(await readFile(snapshotFile(snapshot), 'utf8')) as Running
    if (of.seed !== seed || variantName(of.variant) !== variantName(variant))
      throw new Error(
        `snapshot ${from} is of a cloud that was set up otherwise (${variantName(of.variant)}, ${of.seed}); this one is ${seed}`,
      )
  }
  await makeSeed(layout, variant, seed, progress)
  const states = [...(snapshot === undefined ? [] : [snapshot]), join(layout.seeds, seed)]
  for (const host of hosts) {
    const parts = startPartsOf(host, variant)
    if (parts.length > 0 && (await leaderOf(layout, host)) === undefined)
      await stage(layout, host, parts, join(layout.run, 'staging', host))
  }
  await bootAll(layout, variant, states, progress)
  await progress.step('the cloud’s services', () => ready())
  await writeFile(runningFile(layout), JSON.stringify({ variant, seed, from } satisfies Running))
}

export const snapshotList = async (layout: Layout): Promise<string> => {
  const names = existsSync(layout.snapshots) ? await readdir(layout.snapshots) : []
  return names.length ? `snapshots: ${names.join(', ')}` : 'no snapshot was made yet'
}

/** Stops the cloud cleanly and keeps all that its hosts wrote under a name, for `up --from NAME`. */
export const snapshot = async (layout: Layout, running: Running, name: string): Promise<void> => {
  if (running.variant.shared)
    throw new Error('the shared instances folder is not part of a snapshot; start the cloud without --shared')
  if (running.from !== undefined)
    throw new Error('this cloud was itself started from a snapshot; only one that started fresh can be kept')
  const folder = join(layout.snapshots, name)
  await keep(layout, folder)
  await writeFile(snapshotFile(folder), JSON.stringify(running))
  await takeDown(layout)
}
