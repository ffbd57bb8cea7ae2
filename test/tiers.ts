/**
 * `npm test`: every check and every tier, each with its result. A tier that cannot run here says so and counts as skipped, never as
 * passed. The last line is `N passed, N failed, N skipped`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { retryArguments, toRetry, type Verdict, verdict, type VitestReport } from './verdict.ts'

interface Outcome extends Partial<Verdict> {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  readonly note?: string
}

const { values: options } = parseArgs({
  options: {
    /** fast, integration or cloud; may be repeated. Default: all, and the static checks. */
    tier: { type: 'string', multiple: true },
    'no-install': { type: 'boolean', default: false },
    /** Leave the real cloud up for the next run. */
    'keep-cloud': { type: 'boolean', default: false },
  },
})

/** What the integration tier needs on the machine: a real sshd and sudo, a MariaDB, and what reads configuration files, to compare with: oslo.config, augeas, libvirt. */
const INTEGRATION_PACKAGES = [
  'openssh-server',
  'openssh-client',
  'sudo',
  'csh',
  'fish',
  'python3-oslo.config',
  'attr',
  'acl',
  'libcap2-bin',
  'procps',
  'mariadb-server',
  'openssl',
  'augeas-tools',
  'libvirt0',
]

/** The command line of the real cloud, and how it exits where there can be none. */
const CLOUD = join('dist', 'test', 'cloud', 'real', 'main.js')
const CANNOT_RUN_HERE = 2

const isRoot = process.getuid?.() === 0
const isDebian = existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get')
const wanted = (tier: string) => options.tier === undefined || options.tier.includes(tier)
const say = (text: string) => process.stdout.write(`${text}\n`)

const outcomes: Outcome[] = []
// First, as apt does one thing at a time, and the cloud has packages of its own.
const noShellcheck = options.tier === undefined ? whyNoShellcheck() : undefined
const noIntegration = wanted('integration') ? whyNoIntegration() : undefined
// The real cloud takes minutes to start, and its tests wait more than they work: the other tiers run beside it.
const cloud = wanted('cloud') ? startCloud() : undefined
if (options.tier === undefined) {
  for (const script of ['lint', 'layers', 'unused']) outcomes.push(check(script))
  outcomes.push(noShellcheck === undefined ? check('shellcheck') : skipped('shellcheck', noShellcheck))
}
if (wanted('fast')) outcomes.push(await vitest('fast'))
const onTheCloud = cloud === undefined ? undefined : cloudTier(cloud)
if (wanted('integration'))
  outcomes.push(noIntegration === undefined ? await vitest('integration') : skipped('integration', noIntegration))
if (cloud !== undefined && onTheCloud !== undefined) {
  outcomes.push(await onTheCloud)
  // It compares what is on the machine before and after: nothing else may be at work.
  if (cloud.up.exitCode === 0) outcomes.push(await vitest('restarts'))
  if (cloud.up.exitCode !== CANNOT_RUN_HERE && !options['keep-cloud'])
    spawnSync(process.execPath, [CLOUD, 'down'], { stdio: 'inherit' })
}
report()

function check(script: string): Outcome {
  const started = performance.now()
  const { status } = spawnSync('npm', ['run', '-s', script], { stdio: 'inherit' })
  return { name: script, passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0, seconds: since(started) }
}

function whyNoShellcheck(): string | undefined {
  return spawnSync('shellcheck', ['--version']).status === 0 ? undefined : whyNotInstalled(['shellcheck'])
}

function whyNoIntegration(): string | undefined {
  return whyNotInstalled(INTEGRATION_PACKAGES)
}

function whyNotInstalled(packages: readonly string[]): string | undefined {
  return !isRoot ? 'it needs root' : !isDebian ? 'it needs Debian' : install(packages)
}

/** A real OpenStack that is on its way up, and a file with what it says meanwhile. */
interface Starting {
  readonly up: ChildProcess
  readonly log: string
}

/** Begins to start the cloud, which takes minutes from nothing, beside the other tiers. */
function startCloud(): Starting {
  const log = join(mkdtempSync(join(tmpdir(), 'runbook-cloud-')), 'up.log')
  const words = openSync(log, 'w')
  const up = spawn(process.execPath, [CLOUD, 'up', ...(options['no-install'] ? ['--no-install'] : [])], {
    stdio: ['ignore', words, words],
  })
  closeSync(words)
  return { up, log }
}

/** What it and its tests say is shown when they are through: it would be mixed with that of another tier. */
async function cloudTier({ up, log }: Starting): Promise<Outcome> {
  const started = performance.now()
  if (up.exitCode === null && up.signalCode === null) await once(up, 'exit')
  const words = readFileSync(log, 'utf8')
  rmSync(dirname(log), { recursive: true })
  if (up.exitCode === CANNOT_RUN_HERE) return skipped('cloud', words.split('\n')[0] ?? '')
  if (up.exitCode === 0) return vitest('cloud', words)
  say(words)
  return { name: 'cloud', passed: 0, failed: 1, skipped: 0, seconds: since(started), note: 'the real cloud did not come up' }
}

/** Installs Debian packages, starting none of them as a service. Returns what is in the way. */
function install(packages: readonly string[]): string | undefined {
  const missing = packages.filter(
    (name) => spawnSync('dpkg-query', ['-W', '-f=${db:Status-Status}', name], { encoding: 'utf8' }).stdout !== 'installed',
  )
  if (missing.length === 0) return undefined
  if (options['no-install']) return `packages are missing (${missing.join(', ')}) and --no-install was given`
  say(`Installing Debian packages, none is started as a service: ${missing.join(' ')}`)
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const get = (...argv: string[]) =>
      spawnSync('apt-get', ['-q', '-y', ...argv], { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0
    return get('update') && get('install', '--no-install-recommends', ...missing)
      ? undefined
      : 'apt-get could not install its packages'
  } finally {
    if (ours) unlinkSync(policy)
  }
}

/**
 * @param project its name in vitest.config.ts
 * @param before what is to be said first; then it runs beside another tier, and its words are held back until it has ended
 */
async function vitest(project: string, before?: string): Promise<Outcome> {
  const started = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
  const log = join(folder, 'words')
  if (before === undefined) say(`\n${project} tier`)
  const words = before === undefined ? 'inherit' : openSync(log, 'w')
  const first = await runVitest(project, folder, words)
  const again = project === 'cloud' ? toRetry(first.report) : []
  if (again.length > 0) spawnSync(process.execPath, [CLOUD, 'mend'], { stdio: ['ignore', words, words] })
  const second = again.length > 0 ? await runVitest(project, folder, words, retryArguments(again)) : undefined
  if (words !== 'inherit') {
    closeSync(words)
    say(`\n${project} tier\n${before}${readFileSync(log, 'utf8')}`)
  }
  rmSync(folder, { recursive: true })
  return { name: project, ...verdict(first.report, first.status, second?.report), seconds: since(started) }
}

async function runVitest(
  project: string,
  folder: string,
  words: number | 'inherit',
  more: readonly string[] = [],
): Promise<{ readonly status: number | null; readonly report: VitestReport }> {
  const file = join(folder, 'result.json')
  rmSync(file, { force: true })
  const reports = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const child = spawn('npx', ['vitest', 'run', '--project', project, '--passWithNoTests', ...reports, ...more], {
    stdio: ['ignore', words, words],
  })
  const [status] = (await once(child, 'exit')) as [number | null]
  const report: VitestReport = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as VitestReport)
    : { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, testResults: [] }
  return { status, report }
}

function skipped(name: string, note: string): Outcome {
  say(`\n!!! ${name} SKIPPED: ${note} !!!`)
  return { name, passed: 0, failed: 0, skipped: 1, seconds: 0, note }
}

function since(started: number): number {
  return (performance.now() - started) / 1000
}

function report(): void {
  say('')
  for (const { name, failures = [] } of outcomes) {
    for (const failure of failures) say(`${name}: ${firstLines(failure)}\n`)
  }
  for (const { name, passed, failed, skipped, seconds, note } of outcomes) {
    const word = failed > 0 ? 'FAILED ' : passed === 0 && skipped > 0 ? 'SKIPPED' : 'ok     '
    say(
      `${word} ${name.padEnd(12)} ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(0)} s${note === undefined ? '' : ` (${note})`}`,
    )
  }
  for (const { name, flaky = [] } of outcomes) {
    for (const test of flaky) say(`\nFLAKY ${name}: failed, then passed after \`mend\`: ${firstLines(test)}`)
  }
  const sum = (key: 'passed' | 'failed' | 'skipped') => outcomes.reduce((total, outcome) => total + outcome[key], 0)
  say(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
  process.exitCode = sum('failed') > 0 ? 1 : 0
}

function firstLines(text: string): string {
  return text.split('\n').slice(0, 30).join('\n')
}
