/** Reads and controls systemd units. Called by the unit resource. */
import { Failure, type HostAccess, type Target, suggestion } from '../../../runner/module.ts'

/** A unit as `systemctl show` prints it, in systemd's own words. */
export interface Unit {
  /** Full name, such as `nova-compute.service`; never an alias. */
  readonly id: string
  /** loaded, not-found, masked, bad-setting, error … */
  readonly load: string
  readonly loadError: string
  /** active, inactive, failed, activating, deactivating, reloading */
  readonly active: string
  /** running, exited, dead, auto-restart … */
  readonly sub: string
  /** enabled, disabled, static, masked …; empty for a unit without a file. */
  readonly file: string
  readonly type: string
  readonly remainAfterExit: boolean
  /** Result of the last run: success, exit-code, signal, timeout … */
  readonly result: string
  /** Last exit status of the main process. */
  readonly status: string
  /** Number of automatic restarts by systemd. */
  readonly restarts: number
  /** Changes with every start; empty if the unit never ran. */
  readonly invocation: string
  readonly canReload: boolean
  /** The unit file has changed on disk since systemd read it. */
  readonly outdated: boolean
}

const PROPERTIES = {
  id: 'Id',
  load: 'LoadState',
  loadError: 'LoadError',
  active: 'ActiveState',
  sub: 'SubState',
  file: 'UnitFileState',
  type: 'Type',
  remainAfterExit: 'RemainAfterExit',
  result: 'Result',
  status: 'ExecMainStatus',
  restarts: 'NRestarts',
  invocation: 'InvocationID',
  canReload: 'CanReload',
  outdated: 'NeedDaemonReload',
} as const

export const parseUnit = (stdout: string): Unit => {
  const found = new Map(stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  const of = (key: keyof typeof PROPERTIES): string => found.get(PROPERTIES[key]) ?? ''
  return {
    id: of('id'),
    load: of('load'),
    loadError: of('loadError').replace(/^\S+ "?|"$/g, ''),
    active: of('active'),
    sub: of('sub'),
    file: of('file'),
    type: of('type'),
    remainAfterExit: of('remainAfterExit') === 'yes',
    result: of('result'),
    status: of('status'),
    restarts: Number(of('restarts')) || 0,
    invocation: of('invocation'),
    canReload: of('canReload') === 'yes',
    outdated: of('outdated') === 'yes',
  }
}

/** Reads a unit; `load` of a missing one is not-found. Throws `Failure` if the host has no systemd. */
export async function readUnit(host: HostAccess, name: string): Promise<Unit> {
  const { code, stdout, stderr } = await host.run([
    'systemctl',
    'show',
    '--no-pager',
    `--property=${Object.values(PROPERTIES).join(',')}`,
    '--',
    name,
  ])
  if (code !== 0 || stdout.trim() === '') {
    const why = stderr.trim().split('\n').at(-1) ?? ''
    throw new Failure(`systemd cannot show ${name}`, {
      ...(why === '' ? {} : { why }),
      ...(code === 127 ? { help: 'use the module on hosts with systemd only' } : {}),
    })
  }
  return parseUnit(stdout)
}

/** Throws `Failure` if a unit is missing or unusable, and suggests a similar name. */
export async function mustExist(target: Target, unit: Unit): Promise<void> {
  if (unit.load === 'loaded' || unit.load === 'masked') return
  if (unit.load !== 'not-found')
    throw new Failure(`systemd cannot use ${unit.id} on ${target.host}`, {
      why: `${unit.load}: ${unit.loadError}`,
      help: `run: systemd-analyze verify ${unit.id}`,
    })
  const { stdout } = await target.run(['systemctl', 'list-unit-files', '--no-pager', '--no-legend', '--full'])
  const kind = unit.id.slice(unit.id.lastIndexOf('.'))
  const others = stdout
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.endsWith(kind))
  const stem = (name: string): string => name.slice(0, -kind.length)
  throw new Failure(`unit ${unit.id} not found on ${target.host}${suggestion(stem(unit.id), others.map(stem))}`, {
    help: `list the units: systemctl list-unit-files '*${kind}'`,
  })
}

export const inWords = ({ active, sub }: Unit): string => (sub === '' || sub === active ? active : `${active} (${sub})`)

/** True for an active unit and for a oneshot unit that has succeeded. */
export const isUp = (unit: Unit): boolean =>
  unit.active === 'active' ||
  unit.active === 'reloading' ||
  (unit.type === 'oneshot' && !unit.remainAfterExit && unit.active === 'inactive' && unit.result === 'success')

export const isStopped = ({ active }: Unit): boolean => active === 'inactive' || active === 'failed'

export const isMasked = ({ file, load }: Unit): boolean => file.startsWith('masked') || load === 'masked'

/** Units that other units or a generator start: `enable` does nothing for them. */
export const isStatic = ({ file }: Unit): boolean => ['static', 'generated', 'transient', 'alias', 'indirect'].includes(file)

export const isEnabled = (unit: Unit): boolean => unit.file === 'enabled' || isStatic(unit)
export const isDisabled = (unit: Unit): boolean => !unit.file.startsWith('enabled')

/** Runs a systemctl command. Its `Failure` holds systemd's message and the last lines of the unit's log. */
export async function control(target: Target, verb: readonly string[], unit: Pick<Unit, 'id'>): Promise<void> {
  const { code, stderr } = await target.run(['systemctl', ...verb, '--', unit.id])
  if (code === 0) return
  const said = stderr
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('See "'))
  throw await withLog(
    target,
    unit,
    `cannot ${verb[0] ?? ''} ${unit.id} on ${target.host}`,
    said[0] ?? `systemctl exited with ${code}`,
  )
}

export async function reloadSystemd(target: Target): Promise<void> {
  const { code, stderr } = await target.run(['systemctl', 'daemon-reload'])
  if (code !== 0)
    throw new Failure(`cannot reload the unit files of systemd on ${target.host}`, {
      why: stderr.trim().split('\n').at(-1) ?? '',
    })
}

/**
 * Waits until a unit that was just started has stayed up for some seconds. systemd shows a program that dies at once as
 * active for a moment, and a program in a restart loop as active between two deaths.
 * @param restarts automatic restarts before the watch; 0 after a start, which resets systemd's counter
 */
export async function mustStayUp(target: Target, name: string, seconds: number, restarts = 0): Promise<Unit> {
  const first = await readUnit(target, name)
  const start = target.now()
  let unit = first
  for (;;) {
    const beginning = unit.active === 'activating' && unit.sub !== 'auto-restart' && target.now() - start < MOST_SECONDS_TO_BEGIN
    if (!beginning && !isUp(unit)) throw await died(target, unit)
    if (unit.restarts > restarts)
      throw await died(target, unit, `restarted ${times(unit.restarts - restarts)} while it was watched`)
    if (isUp(unit) && unit.invocation !== first.invocation) throw await died(target, unit, 'started again while it was watched')
    if (!beginning && target.now() - start >= seconds) return unit
    await target.sleep(1)
    unit = await readUnit(target, name)
  }
}

/** Longer than systemd's own limit for a start (DefaultTimeoutStartSec, 90 s). */
const MOST_SECONDS_TO_BEGIN = 120

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)

const died = (target: Target, unit: Unit, what = inWords(unit)): Promise<Failure> => {
  const how =
    unit.result === '' || unit.result === 'success'
      ? ''
      : `; ${unit.result}${unit.status === '' || unit.status === '0' ? '' : `, status ${unit.status}`}`
  return withLog(target, unit, `${unit.id} does not stay up on ${target.host}`, `${what}${how}`)
}

async function withLog(target: Target, { id }: Pick<Unit, 'id'>, what: string, why: string): Promise<Failure> {
  const { code, stdout } = await target.run(['journalctl', '--no-pager', '--quiet', '-o', 'short-iso', '-n', '20', '-u', id])
  const lines = code === 0 ? stdout.trim() : ''
  return new Failure(what, {
    why,
    help: `read the log on ${target.host}: journalctl -u ${id}`,
    ...(lines === '' ? {} : { stderr: lines }),
  })
}
