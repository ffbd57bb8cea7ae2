/** What a saved plan compares, and how secrets are compared unseen. */
import { describe, expect, test } from 'vitest'
import { registry } from '../../../modules/index.ts'
import type { Event } from '../../../runner/events/events.ts'
import { resume } from '../../../runner/run/resume.ts'
import { applySaved, planTo } from '../../../runner/run/saved-plan.ts'
import { fakeTarget, type FakeTarget } from '../../doubles/target.ts'
import { fakeWorld } from '../../doubles/world.ts'
import { fakeSystemd } from '../../doubles/systemd.ts'
import { request } from '../../doubles/request.ts'
import { dedent } from '../../scenes/dedent.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const fileOf = (text: string, mode = '0600') => ({ content: bytes(text), mode, owner: 'root', group: 'root' })

/** Plans the tasks for a host with `/f` in it, lets somebody be there in between, and applies the plan. */
async function applied(
  tasks: string,
  meanwhile: (host: FakeTarget) => void = () => {},
  host = fakeTarget({ files: { '/f': fileOf('a = 1\nb = 1\n'), '/g': 'x\n' }, commands: { 'touch it': {} } }),
) {
  const playbook = dedent`
    name: t
    plays:
      - name: p
        hosts: all
        tasks:
          ${tasks}
  `
  const world = fakeWorld({ host: () => host, files: { 'play.yml': playbook, 'hosts.yml': 'all: { hosts: { a: } }' } })
  expect(await planTo('p', request({ goal: 'plan' }), world, registry)).toBe(0)
  meanwhile(host)
  world.written.stdout = ''
  const code = await applySaved({ file: 'p', request: request(), ask: false, given: new Map() }, world, registry)
  const whys = world.written.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event)
    .flatMap((event) => (event.type === 'step-finished' && event.failure ? [event.failure.why ?? event.failure.what] : []))
  const resumed = () => resume({ ...asked, run: undefined }, world, registry)
  return { code, whys, resumed, text: (path: string) => new TextDecoder().decode(host.files.get(path)?.content) }
}

const asked = { failed: false, acceptChanges: false, yes: false, params: [], output: 'json', waitLock: 0, detach: false } as const

const ONE = '- ini: { path: /f, section: DEFAULT, option: a, value: "2" }'
const LINES = '- lineinfile: { path: /f, line: c }\n- lineinfile: { path: /f, line: d }'

describe('what a saved plan saw', () => {
  test('is compared in all that undo would put back: mode, and what the step leaves alone', async () => {
    expect(await applied(ONE, (host) => host.files.set('/f', fileOf('a = 1\nb = 1\n', '0644')))).toMatchObject({
      code: 4,
      whys: ['/f: mode 0644, was 0600'],
    })
    const other = await applied(ONE, (host) => host.files.set('/f', fileOf('a = 1\nb = 9\n')))
    expect(other.whys).toEqual([expect.stringMatching(/^\/f: content sha256 \w{16}, was sha256 \w{16}$/)])
    expect(other.text('/f')).toBe('a = 1\nb = 9\n')
    expect((await applied(ONE)).code).toBe(0)
  })

  test('is no longer compared of what this run itself has touched', async () => {
    const twice = await applied(LINES)
    expect(twice).toMatchObject({ code: 0, whys: [] })
    expect(twice.text('/f')).toBe('a = 1\nb = 1\nc\nd\n')
  })

  test('nor of what it had touched before it was resumed', async () => {
    let fails = true
    const host = fakeTarget({
      files: { '/f': fileOf('a = 1\n') },
      commands: () => ({ code: fails ? 1 : 0 }),
    })
    const [first, second] = LINES.split('\n')
    const cut = await applied(`${first}\n- command: { cmd: break }\n${second}`, undefined, host)
    expect(cut.code).toBe(1)
    fails = false
    expect(await cut.resumed()).toBe(0)
    expect(cut.text('/f')).toBe('a = 1\nc\nd\n')
  })

  test('does not keep a service from being stopped and started', async () => {
    const { target, units } = fakeSystemd({ 'nova-compute.service': {} })
    const [stop, start] = ['stopped', 'started'].map((state) => `- service: { name: nova-compute, state: ${state} }`)
    const { code, whys } = await applied(`${stop}\n${start}`, undefined, target)
    expect({ code, whys }).toEqual({ code: 0, whys: [] })
    expect(units.get('nova-compute.service')?.InvocationID).toBe('run-2')
  })

  test('is still compared of what another step touched nothing of', async () => {
    const tasks = `- copy: { dest: /g, content: "y\\n" }\n${ONE}`
    const { code, whys, text } = await applied(tasks, (host) => host.files.set('/f', fileOf('a = 1\nb = 1\n', '0644')))
    expect({ code, whys }).toEqual({ code: 4, whys: ['/f: mode 0644, was 0600'] })
    expect(text('/g')).toBe('y\n')
  })

  test('may be otherwise after a command, of which nobody knows what it touches', async () => {
    const commanded = `- command: { cmd: touch it }\n${ONE}`
    expect((await applied(commanded, (host) => host.files.set('/f', fileOf('a = 1\nb = 1\n', '0644')))).code).toBe(0)
  })
})

test('a secret that changes is compared without being shown', async () => {
  const tasks = '- copy: { dest: /g, content: "password = new\\n" }'
  expect((await applied(tasks)).code).toBe(0)
  const { code, whys } = await applied(tasks, (host) => host.files.set('/g', fileOf('password = other\n')))
  expect(code).toBe(4)
  expect(whys.join()).toContain('(hidden)')
})
