/** Files and services on a whole machine of the real cloud. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import command from '../../modules/command.ts'
import copy from '../../modules/copy.ts'
import file from '../../modules/file.ts'
import ini from '../../modules/ini.ts'
import lineinfile from '../../modules/lineinfile.ts'
import service from '../../modules/service.ts'
import waitFor from '../../modules/wait_for.ts'
import type { Connection, Endpoint } from '../../runner/connection/connection.ts'
import { connect } from '../../runner/connection/connect.ts'
import type { AnyModule, Target } from '../../runner/module.ts'
import { up } from '../cloud/real/cloud.ts'
import { fakeTarget } from '../doubles/target.ts'
import { behavesLikeAModule, type ObservedTarget } from '../contracts/module.ts'

// The everyday modules on a whole machine: real systemd, real sshd, the connection that playbooks use.
const HOME = '/root/runbook-scratch'
const UNIT = 'runbook-scratch'
const UNIT_FILE = `/etc/systemd/system/${UNIT}.service`

let connection: Connection
let host: Target

async function endpoint(): Promise<Endpoint> {
  const cloud = await up()
  return {
    name: 'compute15',
    kind: 'ssh',
    address: cloud.addresses.compute15,
    user: 'root',
    identityFiles: [cloud.key],
    knownHosts: cloud.knownHosts,
  }
}

beforeAll(async () => {
  connection = await connect(await endpoint(), { env: process.env })
  const seconds = (): number => performance.now() / 1000
  host = {
    ...fakeTarget({ host: 'compute15' }),
    ...connection.as(undefined),
    now: seconds,
    sleep: (wait) => new Promise((resolve) => setTimeout(resolve, wait * 1000)),
  }
})
afterAll(async () => {
  await host.run(['rm', '-rf', HOME])
  await connection.close()
})

const shell = async (script: string): Promise<string> => {
  const { code, stdout, stderr } = await host.run(['sh', '-euc', script])
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** Makes the scratch folder anew, by a script that runs in it; what can change is all that is below it. */
const world = (script: string) => async (): Promise<ObservedTarget> => {
  await shell(`rm -rf ${HOME}; mkdir ${HOME}; cd ${HOME}; ${script}`)
  const snapshot = () =>
    shell(
      `cd ${HOME}; find . -printf '%p %y %m %u:%g %l\\n' | sort; find . -type f -exec sha256sum {} + | sort; getfacl -R . 2>/dev/null || true`,
    )
  return { ...host, snapshot }
}

const present = { state: 'present', create: false } as const
const conf = `${HOME}/nova.conf`
const sample = `printf '[DEFAULT]\\n#my_ip = 1\\ndebug = true\\r\\n[libvirt]' > nova.conf; chown nova:nova nova.conf; chmod 640 nova.conf`

behavesLikeAModule(
  copy,
  { name: 'a file of another user', params: { dest: conf, content: 'new', force: true, mode: '0600' }, target: world(sample) },
  {
    name: 'a new file for a service',
    params: { dest: conf, content: 'new\n', force: true, owner: 'nova', group: 'nova' },
    target: world(''),
  },
)
behavesLikeAModule(ini, {
  name: 'several options',
  params: { ...present, path: conf, options: { DEFAULT: { my_ip: '10.0.0.5', debug: null }, libvirt: { virt_type: 'qemu' } } },
  target: world(sample),
})
behavesLikeAModule(lineinfile, {
  name: 'a line',
  params: { ...present, firstmatch: false, backrefs: false, path: conf, line: 'x', insertafter: '^\\[DEFAULT' },
  target: world(sample),
})
behavesLikeAModule(
  file,
  {
    name: 'a folder of another user removed',
    params: { path: `${HOME}/dir`, state: 'absent', recurse: false, force: false },
    target: world('mkdir -p dir/sub; echo x > dir/sub/a; ln -s a dir/sub/b; chown -hR nova:nova dir; chmod 2750 dir/sub'),
  },
  {
    name: 'the owner of all below',
    params: { path: `${HOME}/dir`, state: 'directory', recurse: true, force: false, owner: 'nova', group: 'nova' },
    target: world('mkdir -p dir/sub; echo x > dir/sub/a'),
  },
)

describe('service', () => {
  const defaults = { name: UNIT, daemon_reload: true, settle: 3 } as const
  const unit = (start: string, more = '') =>
    host.write(UNIT_FILE, `[Service]\nExecStart=${start}\n${more}\n[Install]\nWantedBy=multi-user.target\n`)
  const run = async (given: Partial<Parameters<typeof service.check>[0]>) => {
    const params = { ...defaults, ...given }
    const diff = await service.check(params, host)
    const result = diff.changes.length === 0 ? undefined : await service.apply?.(params, diff, host)
    return { params, diff, result, left: await service.verify?.(params, diff, host) }
  }
  const now = () => shell(`systemctl show -P ActiveState -P UnitFileState ${UNIT}`)
  const RUNS = "/bin/sh -c 'echo the last words; exec sleep 1000'"

  const remove = () =>
    shell(
      `systemctl disable --now ${UNIT} || true; systemctl unmask ${UNIT}; rm -f ${UNIT_FILE}; systemctl daemon-reload; systemctl reset-failed ${UNIT} || true`,
    )
  beforeEach(remove)
  afterAll(remove)

  test('starts and enables, finds nothing to do then, and takes both back', async () => {
    await unit(RUNS)
    const { params, diff, result, left } = await run({ state: 'started', enabled: true })
    expect(result).toEqual({ name: `${UNIT}.service`, active: 'active', sub: 'running', enabled: 'enabled' })
    expect(left).toEqual([])
    expect((await run({ state: 'started', enabled: true })).diff.changes).toEqual([])
    await service.undo?.(params, JSON.parse(JSON.stringify(diff.before)), host)
    expect(await now()).toBe('inactive\ndisabled\n')
  })

  test('restarts, and proves it', async () => {
    await unit(RUNS)
    await run({ state: 'started' })
    expect((await run({ state: 'restarted' })).left).toEqual([])
  })

  test('runs what is done at once', async () => {
    await unit('/bin/true', 'Type=oneshot')
    expect((await run({ state: 'started' })).left).toEqual([])
  })

  test.each([
    ['at once', "/bin/sh -c 'echo the last words; exit 3'", '', /exit-code, status 3/],
    ['after a while', "/bin/sh -c 'echo the last words; sleep 1.5; exit 4'", '', /exit-code, status 4/],
    [
      'again and again',
      "/bin/sh -c 'echo the last words; sleep 1; exit 5'",
      'Restart=always\nRestartSec=100ms',
      /restart|status 5/,
    ],
  ])('finds out that it dies %s, and quotes its log', async (_when, start, more, why) => {
    await unit(start, more)
    await expect(run({ state: 'started' })).rejects.toMatchObject({
      message: `${UNIT}.service does not stay up on compute15`,
      why: expect.stringMatching(why),
      stderr: expect.stringContaining('the last words'),
    })
  })

  test('masks what does not exist yet, and unmasks it', async () => {
    const { params, diff, left } = await run({ masked: true, state: 'stopped', daemon_reload: false })
    expect(left).toEqual([])
    await expect(run({ state: 'started', daemon_reload: false })).rejects.toThrow('is masked')
    await service.undo?.(params, diff.before, host)
    expect(await shell(`systemctl show -P LoadState ${UNIT}`)).toBe('not-found\n')
  })

  test('knows the unit that was meant', async () => {
    await expect(run({ name: 'nova-comput', state: 'started', daemon_reload: false })).rejects.toThrow(
      'did you mean `nova-compute`?',
    )
  })
})

describe('reading', () => {
  const seen = async (module: AnyModule, params: object) => {
    const diff = await module.check(params as never, host)
    return diff.changes.length === 0 ? diff.result : module.apply?.(params as never, diff, host)
  }

  test('command', async () => {
    expect(await seen(command, { argv: ['hostname'] })).toMatchObject({ rc: 0, stdout: 'compute15' })
  })

  test('wait_for the ports of libvirt and of nothing', async () => {
    const params = { host: '127.0.0.1', state: 'started', timeout: 5, delay: 0, sleep: 1, connect_timeout: 2 }
    expect(await seen(waitFor, { ...params, port: 16509 })).toMatchObject({ state: 'open' })
    expect(await seen(waitFor, { ...params, port: 9, state: 'stopped' })).toMatchObject({ state: 'closed' })
  })
})
