/** The services of a simulated host: their state here, their enablement and masks as real links under its /etc/systemd/system. */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { assets } from './assets.ts'

export interface Unit {
  readonly name: string
  readonly description: string
  active: 'active' | 'inactive' | 'failed'
  /** Since when, milliseconds since the epoch. */
  since: number
  pid: number
}

export type UnitFileState = 'enabled' | 'disabled' | 'masked' | 'static'

export interface Units {
  /** `.service` is understood; undefined for one that is not there. */
  find(name: string): Unit | undefined
  all(): readonly Unit[]
  text(unit: Unit): string
  fileState(unit: Unit): UnitFileState
  enable(unit: Unit): void
  disable(unit: Unit): void
  mask(unit: Unit): void
  unmask(unit: Unit): void
  /** The error, or undefined. A masked unit does not start. */
  start(unit: Unit): Promise<string | undefined>
  stop(unit: Unit): Promise<void>
}

export interface UnitHooks {
  /** Told before the unit counts as active; an error text makes it fail. */
  starting(name: string): Promise<string | undefined> | string | undefined
  stopped(name: string): Promise<void> | void
}

const systemd = 'etc/systemd/system'

/** @param root the host's `/` as a path here @param running names of the units that are active at the beginning */
export function createUnits(root: string, present: readonly string[], running: readonly string[], hooks: UnitHooks): Units {
  const now = Date.now()
  const units = new Map(
    present.map((name, index): [string, Unit] => {
      const active = running.includes(name)
      return [
        name,
        {
          name,
          description: /^Description=(.*)$/m.exec(unitText(name))?.[1] ?? name,
          active: active ? 'active' : 'inactive',
          since: now,
          pid: active ? 400 + index : 0,
        },
      ]
    }),
  )
  let nextPid = 4000
  const link = (unit: Unit) => join(root, systemd, unit.name)
  const wants = (unit: Unit) => join(root, systemd, `${unit.name.endsWith('.socket') ? 'sockets' : 'multi-user'}.target.wants`)
  const isMasked = (unit: Unit) => linkTarget(link(unit)) === '/dev/null'
  const set = (unit: Unit, active: Unit['active']) =>
    Object.assign(unit, { active, since: Date.now(), pid: active === 'active' ? nextPid++ : 0 })

  return {
    find: (name) => units.get(/\.[a-z]+$/.test(name) ? name : `${name}.service`),
    all: () => [...units.values()],
    text: (unit) => unitText(unit.name) + dropIns(root, unit.name),
    fileState: (unit) =>
      isMasked(unit)
        ? 'masked'
        : linkTarget(join(wants(unit), unit.name)) !== undefined
          ? 'enabled'
          : unitText(unit.name).includes('[Install]')
            ? 'disabled'
            : 'static',
    enable(unit) {
      mkdirSync(wants(unit), { recursive: true })
      if (linkTarget(join(wants(unit), unit.name)) === undefined)
        symlinkSync(`/lib/systemd/system/${unit.name}`, join(wants(unit), unit.name))
    },
    disable: (unit) => rmSync(join(wants(unit), unit.name), { force: true }),
    mask(unit) {
      rmSync(link(unit), { force: true })
      mkdirSync(join(root, systemd), { recursive: true })
      symlinkSync('/dev/null', link(unit))
    },
    unmask: (unit) => rmSync(link(unit), { force: true }),
    async start(unit) {
      if (isMasked(unit)) return `Failed to start ${unit.name}: Unit ${unit.name} is masked.`
      if (unit.active === 'active') return undefined
      const error = await hooks.starting(unit.name)
      set(unit, error === undefined ? 'active' : 'failed')
      return error
    },
    async stop(unit) {
      if (unit.active !== 'active') {
        if (unit.active === 'failed') unit.active = 'inactive'
        return
      }
      set(unit, 'inactive')
      await hooks.stopped(unit.name)
    },
  }
}

const unitText = (name: string): string => readFileSync(join(assets, 'units', name), 'utf8')

/** What an administrator added below /etc/systemd/system/NAME.d, in systemctl cat's form. */
function dropIns(root: string, name: string): string {
  const folder = join(root, systemd, `${name}.d`)
  if (!existsSync(folder)) return ''
  return readdirSync(folder)
    .filter((file) => file.endsWith('.conf'))
    .sort()
    .map((file) => `\n# /${systemd}/${name}.d/${file}\n${readFileSync(join(folder, file), 'utf8')}`)
    .join('')
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined
  } catch {
    return undefined
  }
}
