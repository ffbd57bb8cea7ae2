/** Runs that are cut off: connection, sshd, a full disk of the controller. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { killQuietly, type Sshd, startSshd } from '../connection/sshd.ts'
import { type Ended, onTerminal, snapshot, twice, type Workplace, workplace } from '../../scenes/real-run.ts'

/** One host, this machine, by a real sshd; what the playbook changes is in a folder of the test. */
const PLAYBOOK = `
name: Cut off
plays:
  - hosts: all
    tasks:
      - name: who it is
        command: { cmd: id -un }
        changed_when: false
        on_resume: rerun
        register: who
      - name: a file
        copy: { dest: '{{ root }}/file', content: '{{ who.stdout }}', mode: '0600' }
        notify: handler
      - name: a line
        lineinfile: { path: '{{ root }}/file', line: more }
      - name: exactly once
        shell: { cmd: 'echo once >> {{ root }}/once; while test -e {{ root }}/../hold; do sleep 0.05; done' }
      - name: an option
        ini: { path: '{{ root }}/conf', section: a, option: b, value: '{{ who.stdout }}', create: true }
    handlers:
      - name: handler
        shell: { cmd: 'cat {{ root }}/file {{ root }}/conf > {{ root }}/handled' }
        on_resume: rerun
`
let sshd: Sshd
let proxy: Proxy
let place: Workplace
let whole: Record<string, string>
/** The listener, and each that took the place of one that was killed. */
let listener: number

beforeAll(async () => {
  sshd = await startSshd()
  listener = sshd.pid
  proxy = await startProxy(sshd.port)
  const { user, identityFiles } = sshd.endpoint()
  place = workplace({ 'play.yml': PLAYBOOK })
  place.put(
    'known_hosts',
    Object.values(sshd.hostKeys)
      .flatMap((key) => [sshd.port, proxy.port].map((port) => `[127.0.0.1]:${port} ${key}\n`))
      .join(''),
  )
  for (const [file, port] of [
    ['direct.yml', sshd.port],
    ['proxied.yml', proxy.port],
  ] as const)
    place.put(
      file,
      `all:\n  hosts:\n    compute14: { ansible_host: 127.0.0.1, ansible_port: ${port}, ansible_user: ${user}, ansible_ssh_private_key_file: ${identityFiles?.[0]}, ansible_ssh_common_args: '-o UserKnownHostsFile=${place.path('known_hosts')}', root: ${place.path('root')} }\n`,
    )
  mkdirSync(place.path('root'))
  expect(await place.runbook(apply('direct.yml'))).toMatchObject({ code: 0 })
  whole = snapshot(place.folder, ['root'])
  anew()
})
afterEach(anew)
afterAll(async () => {
  await proxy?.stop()
  crash()
  await sshd?.stop()
  place?.remove()
})

const apply = (inventory: string) => ['apply', 'play.yml', '-o', 'json', '-i', inventory]
/** As before the first run. */
function anew(): void {
  for (const name of existsSync(place.path('.runbook')) ? readdirSync(place.path('.runbook')) : [])
    rmSync(place.path(`.runbook/${name}`), { recursive: true })
  for (const name of readdirSync(place.path('root'))) rmSync(place.path(`root/${name}`))
}

/** Resumes it until it has ended well; where it asks, the operator looks at the host. */
async function resumed(): Promise<void> {
  const resume = ['resume', '-o', 'json', '--wait-lock', '1m']
  let end: Ended = await place.runbook(resume)
  if (end.code === 2) {
    // Not even what it was asked could be written: nothing can have been done, and it starts anew.
    expect(readdirSync(place.path('root'))).toEqual([])
    for (const run of readdirSync(place.path('.runbook/runs'))) rmSync(place.path(`.runbook/runs/${run}`), { recursive: true })
    end = await place.runbook(apply('direct.yml'))
  }
  if (end.code === 4 && end.text.includes('exactly once was in flight'))
    end = await onTerminal(place.runbook, resume, /exactly once on (\w+) was in flight[^?]*\?/g, () =>
      existsSync(place.path('root/once')) ? 'y' : 'n',
    )
  expect(end.text).toContain('"exitCode":0')
  asUndisturbed(end)
}

function asUndisturbed({ code }: Ended): void {
  expect(code).toBe(0)
  expect(snapshot(place.folder, ['root'])).toEqual(whole)
  expect(twice(place.journal())).toEqual([])
}

/** Where something happens: when the so many-th event of a type has been told, or in the midst of the command. */
const POINTS = [
  'apply-started 2',
  'apply-started 4',
  'step-finished 4',
  'apply-started 6',
  'in the midst of the command',
] as const

/** Runs it, and does something to its surroundings at that point, while it stands still or while its command runs. */
async function disturbed(inventory: string, point: (typeof POINTS)[number], disturb: () => void): Promise<Ended> {
  const midst = point === 'in the midst of the command'
  if (midst) place.put('hold', '')
  const ending = place.runbook(apply(inventory), midst ? {} : { hook: 'scenes/pausing.js', env: { PAUSE_AT: point } })
  let over = false
  void ending.finally(() => (over = true))
  while (!over && !existsSync(place.path(midst ? 'root/once' : 'paused'))) await sleep(10)
  disturb()
  if (!midst) place.put('go', '')
  const end = await ending
  for (const name of ['hold', 'paused', 'go']) rmSync(place.path(name), { force: true })
  return end
}

describe('the connection is cut', () => {
  test.each(POINTS)('at %s', async (point) => {
    const end = await disturbed('proxied.yml', point, proxy.cut)
    expect(end.text).toContain('"exitCode":3')
    expect(end.code).toBe(3)
    await resumed()
  })
})

describe('the host’s sshd is killed', () => {
  afterEach(async () => {
    if (!(await answers(sshd.port))) await comeBack()
  })
  test.each(POINTS)('at %s', async (point) => {
    const end = await disturbed('direct.yml', point, crash)
    expect(end.text).toContain('"exitCode":3')
    expect(end.code).toBe(3)
    await comeBack()
    await resumed()
  })
})

/** The listener and its sessions are gone at once; what runs in them is left to notice it. */
function crash(): void {
  const below = (pid: number): number[] =>
    spawnSync('pgrep', ['-x', 'sshd', '-P', String(pid)], { encoding: 'utf8' })
      .stdout.split('\n')
      .flatMap((line) => (line === '' ? [] : [Number(line), ...below(Number(line))]))
  for (const pid of [listener, ...below(listener)]) killQuietly(pid)
}

async function comeBack(): Promise<void> {
  const child = spawn('/usr/sbin/sshd', ['-D', '-f', join(sshd.folder, 'sshd_config'), '-E', join(sshd.folder, 'log')], {
    stdio: 'ignore',
  })
  listener = child.pid ?? 0
  while (!(await answers(sshd.port))) expect(child.exitCode).toBe(null)
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', () => resolve(true)).once('close', () => resolve(false))
    socket.once('error', () => undefined)
    socket.once('data', () => socket.destroy())
  })

interface Proxy {
  readonly port: number
  /** Every connection is gone at once, on both sides; new ones are taken. */
  cut(): void
  stop(): Promise<void>
}

async function startProxy(to: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const host = connect(to, '127.0.0.1')
    for (const [from, into] of [
      [client, host],
      [host, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined).on('close', () => into.destroy())
      from.pipe(into)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
    sockets.clear()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    stop: () =>
      new Promise((resolve) => {
        cut()
        server.close(() => resolve())
      }),
  }
}

/** The controller's disk: a real one that is as small as it is told to be. */
describe.skipIf(process.getuid?.() !== 0)('the controller’s disk is full', () => {
  const disk = () => place.path('.runbook')
  const mount = (...args: readonly string[]) => execFileSync('mount', ['-t', 'tmpfs', ...args, 'tmpfs', disk()])
  afterEach(() => {
    execFileSync('umount', [disk()])
  })

  // A page more each time: it is full at one write after the other, until all of it has room.
  test.each(Array.from({ length: 10 }, (_, index) => (index + 2) * 4))('after %i KiB', async (kilobytes) => {
    mkdirSync(disk(), { recursive: true })
    mount('-o', `size=${kilobytes}k`)
    const end = await place.runbook(apply('direct.yml'))
    if (end.code === 0) return asUndisturbed(end)
    expect(end.code).toBe(4)
    expect(end.text).toContain('no space is left')
    // Going on with it while there is still no room is refused as well, and no defect.
    const again = await place.runbook(['resume', '-o', 'json'])
    if (again.code === 0) return asUndisturbed(again)
    expect([2, 4]).toContain(again.code)
    expect(again.text).not.toMatch(/^ +at /m)
    mount('-o', 'remount,size=10m')
    await resumed()
  })
})
