/** `npm run bench`: figures of whole commands, with ratios; never part of a test. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registry } from '../../modules/index.ts'
import { readJournal } from '../../runner/record/history.ts'
import { realWorld } from '../../runner/real-world.ts'
import { run } from '../../runner/run/run.ts'
import type { World } from '../../runner/world.ts'
import { fakeTarget } from '../doubles/target.ts'
import { fakeWorld } from '../doubles/world.ts'
import { request } from '../doubles/request.ts'

/** `npm run bench`: how long the journal of a large run takes to read, and what it costs to keep. */
const HOSTS = 1000
const STEPS = 30
const bin = fileURLToPath(new URL('../../runner/bin.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const names = Array.from({ length: HOSTS }, (_, index) => `compute${index + 1}`)
const inventory = `all:\n  vars: { ansible_connection: local }\n  hosts:\n${names.map((name) => `    ${name}:\n`).join('')}`
/** Each step but the last changes a file; the last fails on one host as long as there is no file named `ready`. */
const changing = Array.from(
  { length: STEPS - 1 },
  (_, index) =>
    `      - { name: option ${index}, ini: { path: /etc/nova/nova.conf, section: bench, option: option${index}, value: "{{ inventory_hostname }}" }, register: result${index} }\n`,
)
/** The same without a host: what a resumed run needs for its walk alone. */
const looking = Array.from(
  { length: STEPS - 1 },
  (_, index) =>
    `      - { name: look ${index}, debug: { msg: "{{ inventory_hostname }} ${index}" }, register: result${index} }\n`,
)
const last = `      - { name: last, assert: { that: "inventory_hostname != 'compute1' || ready" } }\n`
const playbook = (tasks: readonly string[]) =>
  `name: bench\nparams: { ready: { type: boolean, default: false, description: Whether the last host is ready } }\nplays:\n  - hosts: all\n    tasks:\n${tasks.join('')}${last}`

interface Kept {
  readonly megabytes: number
  readonly lines: number
  readonly seconds: number
  readonly flushes: number
  readonly changes: number
}

/** The real engine makes the run, on hosts in memory; its journal goes to the disk as always. */
async function make(name: string, tasks: readonly string[]): Promise<Kept> {
  const place = join(folder, name)
  mkdirSync(place)
  writeFileSync(join(place, 'play.yml'), playbook(tasks))
  writeFileSync(join(place, 'hosts.yml'), inventory)
  const real = realWorld(Object.assign(Object.create(process) as NodeJS.Process, { cwd: () => place }))
  const conf = `[DEFAULT]\n${Array.from({ length: 40 }, (_, index) => `option_${index} = value ${index}\n`).join('')}`
  let flushes = 0
  const world: World = {
    ...fakeWorld({ host: ({ name: host }) => fakeTarget({ host, files: { '/etc/nova/nova.conf': conf } }) }),
    cwd: place,
    clock: real.clock,
    files: {
      ...real.files,
      // The before-images of 30,000 steps: there they must be, but nothing here hangs on the speed of this disk.
      async write(path, content) {
        mkdirSync(dirname(resolve(place, path)), { recursive: true })
        writeFileSync(resolve(place, path), content)
      },
      async append(path) {
        const file = await real.files.append(path)
        const sync = () => {
          flushes++
          return file.sync()
        }
        return { ...file, sync }
      },
    },
  }
  const started = performance.now()
  await run(request({ show: { output: 'plain' } }), world, registry)
  const seconds = (performance.now() - started) / 1000
  // It says that the run is under way as long as this process lives.
  rmSync(join(dirname(journalOf(place)), 'process.json'))
  const journal = journalOf(place)
  const text = readFileSync(journal, 'utf8')
  return {
    megabytes: statSync(journal).size / 1e6,
    lines: text.split('\n').length - 1,
    changes: text.split('"type":"apply-started"').length - 1,
    seconds,
    flushes,
  }
}

const runOf = (place: string): string => spawnSync('ls', [join(place, '.runbook/runs')], { encoding: 'utf8' }).stdout.trim()
const journalOf = (place: string): string => join(place, '.runbook/runs', runOf(place), 'journal.jsonl')

/** The fastest of several, in seconds: what else the machine does only ever adds. */
function timed(name: string, args: readonly string[], code: number, times = 3): number {
  const place = join(folder, name)
  const journal = readFileSync(journalOf(place))
  const seconds = Array.from({ length: times }, () => {
    const started = performance.now()
    const { status, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd: place, encoding: 'utf8', maxBuffer: 1e9 })
    const took = (performance.now() - started) / 1000
    if (status !== code) throw new Error(`runbook ${args.join(' ')} ended with ${status}: ${stderr}`)
    writeFileSync(journalOf(place), journal)
    return took
  })
  return Math.min(...seconds)
}

const row = (what: string, figure: string) => process.stdout.write(`${what.padEnd(64)} ${figure}\n`)
const s = (seconds: number) => `${seconds.toFixed(2)} s`

row('machine', `${cpus()[0]?.model} × ${cpus().length}, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)}`)
row('runbook --version', s(startUp()))
for (const [name, tasks] of [
  ['changing', changing],
  ['looking', looking],
] as const) {
  const kept = await make(name, tasks)
  row(`${name}: ${HOSTS} hosts × ${STEPS} steps`, `${kept.lines} lines, ${kept.megabytes.toFixed(1)} MB`)
  row('  made in', s(kept.seconds))
  row('  times it asked for the disk', `${kept.flushes} for ${kept.changes} changes`)
  row('  read and folded, of show and resume', s(folded(name)))
  row('  show', s(timed(name, ['show'], 0)))
  row('  runs', s(timed(name, ['runs'], 0)))
  row('  resume --failed, of one host', s(timed(name, ['resume', '--failed', '-o', 'plain'], 1)))
}
row('  resume, of all hosts', s(timed('looking', ['resume', '-o', 'plain'], 1)))

/** The part of `show` and `resume` that grows with the journal alone: from its bytes on the disk to the history, in seconds. */
function folded(name: string): number {
  const path = journalOf(join(folder, name))
  const seconds = Array.from({ length: 3 }, () => {
    const started = performance.now()
    readJournal(readFileSync(path), path)
    return (performance.now() - started) / 1000
  })
  return Math.min(...seconds)
}

/** What every command takes before it begins. */
function startUp(): number {
  const started = performance.now()
  spawnSync(process.execPath, [bin, '--version'])
  return (performance.now() - started) / 1000
}
