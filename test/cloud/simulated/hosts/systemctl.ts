/** systemctl as far as playbooks use it. */
import { failed, parseArgs, said } from './command.ts'
import type { Answer, Command } from './command.ts'
import type { Unit, Units } from './units.ts'

const withValue = [
  '-p',
  '--property',
  '-s',
  '--signal',
  '-t',
  '--type',
  '--state',
  '-n',
  '--lines',
  '-o',
  '--output',
  '-H',
  '-M',
  '--kill-who',
  '--kill-whom',
  '--job-mode',
]

export async function systemctl(units: Units, command: Command): Promise<Answer> {
  const { flags, values, words } = parseArgs(command.args, withValue)
  const [verb = 'list-units', ...names] = words
  const quiet = flags.has('-q') || flags.has('--quiet')
  const tell = (answer: Answer): Answer => (quiet ? { ...answer, out: '' } : answer)
  const now = flags.has('--now')
  switch (verb) {
    case 'is-active':
      return tell(each(units, names, (unit) => [unit?.active ?? 'inactive', unit?.active === 'active' ? 0 : 3], 'any'))
    case 'is-failed':
      return tell(each(units, names, (unit) => [unit?.active ?? 'inactive', unit?.active === 'failed' ? 0 : 1], 'any'))
    case 'is-enabled':
      return tell(isEnabled(units, names))
    case 'is-system-running':
      return tell(units.all().some((unit) => unit.active === 'failed') ? failed(1, '', 'degraded\n') : said('running\n'))
    case 'show':
      return show(
        units,
        names,
        (values.get('-p') ?? values.get('--property') ?? []).flatMap((list) => list.split(',')),
        flags.has('--value'),
      )
    case 'cat':
      return cat(units, names)
    case 'status':
      return each(
        units,
        names,
        (unit, name) =>
          unit === undefined ? [`Unit ${name} could not be found.`, 4] : [status(units, unit), unit.active === 'active' ? 0 : 3],
        'all',
      )
    case 'list-units':
    case 'list-unit-files':
      return said(list(units, verb, flags.has('--all') || flags.has('-a')))
    case 'daemon-reload':
    case 'daemon-reexec':
    case 'reset-failed':
      return said('')
    default:
      return change(units, verb, names, now)
  }
}

async function change(units: Units, verb: string, names: readonly string[], now: boolean): Promise<Answer> {
  const act = verbs[verb]
  if (act === undefined) return failed(1, `Unknown command verb ${verb}.\n`)
  if (names.length === 0) return failed(1, 'Too few arguments.\n')
  for (const name of names) {
    const unit = units.find(name)
    const full = /\.[a-z]+$/.test(name) ? name : `${name}.service`
    if (unit === undefined) return failed(verb === 'mask' || verb === 'enable' || verb === 'disable' ? 1 : 5, missing(verb, full))
    const error = await act(units, unit, now)
    if (error !== undefined) return failed(1, `${error}\n`)
  }
  return said('')
}

const missing = (verb: string, name: string) =>
  ['enable', 'disable', 'mask', 'unmask'].includes(verb)
    ? `Failed to ${verb} unit: Unit file ${name} does not exist.\n`
    : `Failed to ${verb} ${name}: Unit ${name} not loaded.\n`

const jobFailed = (unit: Unit) =>
  `Job for ${unit.name} failed because the control process exited with error code.\nSee "systemctl status ${unit.name}" and "journalctl -xeu ${unit.name}" for details.`

const starts = async (units: Units, unit: Unit) => {
  const error = await units.start(unit)
  return error === undefined || error.includes('masked') ? error : jobFailed(unit)
}

const restarts = async (units: Units, unit: Unit) => {
  await units.stop(unit)
  return starts(units, unit)
}

const verbs: Readonly<Record<string, (units: Units, unit: Unit, now: boolean) => Promise<string | undefined>>> = {
  start: starts,
  stop: async (units, unit) => {
    await units.stop(unit)
    return undefined
  },
  restart: restarts,
  'try-restart': async (units, unit) => (unit.active === 'active' ? restarts(units, unit) : undefined),
  reload: async (_units, unit) => (unit.active === 'active' ? undefined : `${unit.name} is not active, cannot reload.`),
  'reload-or-restart': async (units, unit) => (unit.active === 'active' ? undefined : starts(units, unit)),
  kill: async () => undefined,
  enable: async (units, unit, now) => {
    if (units.fileState(unit) === 'masked') return `Failed to enable unit: Unit file /etc/systemd/system/${unit.name} is masked.`
    units.enable(unit)
    return now ? starts(units, unit) : undefined
  },
  disable: async (units, unit, now) => {
    units.disable(unit)
    if (now) await units.stop(unit)
    return undefined
  },
  mask: async (units, unit, now) => {
    units.mask(unit)
    if (now) await units.stop(unit)
    return undefined
  },
  unmask: async (units, unit) => {
    units.unmask(unit)
    return undefined
  },
}

/** One line for each name; the status is 0 when `any` (or `all`) are. */
function each(
  units: Units,
  names: readonly string[],
  tell: (unit: Unit | undefined, name: string) => [string, number],
  when: 'any' | 'all',
): Answer {
  const told = names.map((name) => tell(units.find(name), name))
  const codes = told.map(([, code]) => code)
  const bad = codes.find((code) => code !== 0) ?? 0
  const status = when === 'any' ? (codes.includes(0) ? 0 : bad) : bad
  return { status, out: told.map(([line]) => `${line}\n`).join(''), err: '' }
}

function isEnabled(units: Units, names: readonly string[]): Answer {
  const found = names.map((name) => units.find(name))
  const states = found.map((unit) => (unit === undefined ? undefined : units.fileState(unit)))
  const err = names
    .map((name, index) =>
      states[index] === undefined ? `Failed to get unit file state for ${name}.service: No such file or directory\n` : '',
    )
    .join('')
  return {
    status: states.includes('enabled') || states.includes('static') ? 0 : 1,
    out: states.map((state) => (state === undefined ? '' : `${state}\n`)).join(''),
    err,
  }
}

const timestamp = (time: number) =>
  `${new Date(time).toUTCString().slice(0, 3)} ${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const properties = (units: Units, unit: Unit | undefined, name: string): Record<string, string> => {
  if (unit === undefined)
    return { Id: name, LoadState: 'not-found', ActiveState: 'inactive', SubState: 'dead', MainPID: '0', UnitFileState: '' }
  const active = unit.active === 'active'
  const socket = unit.name.endsWith('.socket')
  return {
    Id: unit.name,
    Names: unit.name,
    Description: unit.description,
    LoadState: units.fileState(unit) === 'masked' ? 'masked' : 'loaded',
    ActiveState: unit.active,
    SubState: active ? (socket ? 'listening' : 'running') : unit.active === 'failed' ? 'failed' : 'dead',
    MainPID: String(unit.pid),
    ExecMainPID: String(unit.pid),
    ExecMainStartTimestamp: active ? timestamp(unit.since) : '',
    ActiveEnterTimestamp: active ? timestamp(unit.since) : '',
    UnitFileState: units.fileState(unit),
    FragmentPath: units.fileState(unit) === 'masked' ? `/etc/systemd/system/${unit.name}` : `/lib/systemd/system/${unit.name}`,
    NRestarts: '0',
    Result: unit.active === 'failed' ? 'exit-code' : 'success',
    ExecMainStatus: unit.active === 'failed' ? '6' : '0',
  }
}

function show(units: Units, names: readonly string[], wanted: readonly string[], bare: boolean): Answer {
  const blocks = names.map((name) => {
    const all = properties(units, units.find(name), /\.[a-z]+$/.test(name) ? name : `${name}.service`)
    const keys = wanted.length === 0 ? Object.keys(all) : Object.keys(all).filter((key) => wanted.includes(key))
    return keys.map((key) => (bare ? `${all[key]}\n` : `${key}=${all[key]}\n`)).join('')
  })
  return said(blocks.join('\n'))
}

function cat(units: Units, names: readonly string[]): Answer {
  const missingName = names.find((name) => units.find(name) === undefined)
  if (missingName !== undefined)
    return failed(1, `No files found for ${/\.[a-z]+$/.test(missingName) ? missingName : `${missingName}.service`}.\n`)
  const texts = names.flatMap((name) => {
    const unit = units.find(name)
    if (unit === undefined) return []
    return units.fileState(unit) === 'masked'
      ? [`# Unit ${unit.name} is masked.\n`]
      : [`# /lib/systemd/system/${unit.name}\n${units.text(unit)}`]
  })
  return said(texts.join('\n'))
}

const status = (units: Units, unit: Unit) => {
  const all = properties(units, unit, unit.name)
  return [
    `${unit.active === 'active' ? '●' : '○'} ${unit.name} - ${unit.description}`,
    `     Loaded: ${all.LoadState} (${all.FragmentPath}; ${all.UnitFileState}; preset: enabled)`,
    `     Active: ${all.ActiveState} (${all.SubState}) since ${timestamp(unit.since)}`,
    ...(unit.pid > 0 ? [`   Main PID: ${unit.pid} (${unit.name.replace(/\..*/, '')})`] : []),
    '',
  ].join('\n')
}

const list = (units: Units, verb: string, all: boolean) =>
  units
    .all()
    .filter((unit) => all || verb === 'list-unit-files' || unit.active !== 'inactive')
    .map((unit) =>
      verb === 'list-unit-files'
        ? `${unit.name} ${units.fileState(unit)}\n`
        : `${unit.name} loaded ${unit.active} ${properties(units, unit, unit.name).SubState} ${unit.description}\n`,
    )
    .join('')
