/** Units of a systemd in memory, for the double of a host. */
import type { Answer } from './commands.ts'

/** A unit of the fake, in the words of `systemctl show`. */
export interface FakeUnit {
  LoadState: string
  ActiveState: string
  SubState: string
  UnitFileState: string
  Type: string
  NRestarts: number
  Result: string
  ExecMainStatus: number
  InvocationID: string
  CanReload: string
  NeedDaemonReload: string
  RemainAfterExit: string
  LoadError: string
}

/** What becomes of a unit when it is started, and as time passes; which verbs are refused. */
export interface UnitBehaviour {
  readonly onStart?: (unit: FakeUnit) => void
  readonly onSleep?: (now: number, units: Map<string, FakeUnit>) => void
  readonly refuse?: Readonly<Record<string, string>>
}

const unitOf = (given: Partial<FakeUnit>): FakeUnit => ({
  LoadState: 'loaded',
  ActiveState: 'active',
  SubState: 'running',
  UnitFileState: 'enabled',
  Type: 'notify',
  NRestarts: 0,
  Result: 'success',
  ExecMainStatus: 0,
  InvocationID: 'run-1',
  CanReload: 'no',
  NeedDaemonReload: 'no',
  RemainAfterExit: 'no',
  LoadError: '',
  ...given,
})

export const STOPPED: Partial<FakeUnit> = { ActiveState: 'inactive', SubState: 'dead', InvocationID: '' }

/** systemctl and journalctl over a record of units, answering as systemd 252 does. */
export function fakeUnits(given: Readonly<Record<string, Partial<FakeUnit>>>, behaviour: UnitBehaviour = {}) {
  const units = new Map(Object.entries(given).map(([name, unit]) => [name, unitOf(unit)]))
  let runs = 1

  const start = (unit: FakeUnit): void => {
    runs += 1
    Object.assign(unit, {
      ActiveState: 'active',
      SubState: 'running',
      InvocationID: `run-${runs}`,
      NRestarts: 0,
      Result: 'success',
    })
    behaviour.onStart?.(unit)
  }
  const verbs: Readonly<Record<string, (unit: FakeUnit) => void>> = {
    start: (unit) => void (unit.ActiveState === 'active' || start(unit)),
    restart: start,
    reload: () => undefined,
    stop: (unit) => void Object.assign(unit, { ActiveState: 'inactive', SubState: 'dead' }),
    enable: (unit) => void (unit.UnitFileState = 'enabled'),
    disable: (unit) => void (unit.UnitFileState = 'disabled'),
    mask: (unit) => void Object.assign(unit, { LoadState: 'masked', UnitFileState: 'masked' }),
    unmask: (unit) => void Object.assign(unit, { LoadState: 'loaded', UnitFileState: 'disabled' }),
  }

  const answer = (argv: readonly string[]): Answer | undefined => {
    const [program, verb = ''] = argv
    if (program === 'journalctl')
      return { stdout: `${argv.join(' ')}\n2026-01-01T00:00:00+0000 compute15 nova-compute[7]: the last words\n` }
    if (program !== 'systemctl') return undefined
    if (verb === 'daemon-reload') {
      for (const unit of units.values()) unit.NeedDaemonReload = 'no'
      return {}
    }
    if (verb === 'list-unit-files')
      return { stdout: [...units].map(([name, unit]) => `${name} ${unit.UnitFileState} enabled\n`).join('') }
    const name = argv.at(-1) ?? ''
    const id = /\.[a-z]+$/.test(name) ? name : `${name}.service`
    if (verb === 'show') {
      const unit =
        units.get(id) ??
        unitOf({
          ...STOPPED,
          LoadState: 'not-found',
          UnitFileState: '',
          LoadError: `org.freedesktop.systemd1.NoSuchUnit "Unit ${id} not found."`,
        })
      return {
        stdout: Object.entries({ Id: id, ...unit })
          .map(([key, value]) => `${key}=${String(value)}\n`)
          .join(''),
      }
    }
    const refusal = behaviour.refuse?.[verb]
    if (refusal !== undefined) return { code: 1, stderr: refusal }
    if (verb === 'mask' && !units.has(id)) units.set(id, unitOf(STOPPED))
    const unit = units.get(id)
    if (unit === undefined) return { code: 5, stderr: `Failed to ${verb} ${id}: Unit ${id} not found.\n` }
    verbs[verb]?.(unit)
    return {}
  }

  // What a reboot would find, and what runs; not which run it is.
  const snapshot = () =>
    Object.fromEntries(
      [...units].map(([name, { ActiveState, UnitFileState, LoadState }]) => [name, { ActiveState, UnitFileState, LoadState }]),
    )
  return { units, answer, snapshot }
}
