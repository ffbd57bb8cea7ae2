/** `resume` in memory: what is replayed, checked, run again or refused. */
import { describe, expect, test } from 'vitest'
import { resume, type ResumeRequest } from '../../../runner/run/resume.ts'
import { run } from '../../../runner/run/run.ts'
import { digestOf } from '../../../runner/record/runs.ts'
import { type FakeWorld, fakeWorld } from '../../doubles/world.ts'
import { newStage, type Stage, testModules } from '../../scenes/play.ts'
import { ASKED } from '../../scenes/scene.ts'
import { FLAT, request } from '../../doubles/request.ts'

const PLAYBOOK = `
name: t
params:
  to: { type: string, default: "1", description: what to set }
  key: { type: string, secret: true, default: hunter2hunter2, description: a secret }
plays:
  - name: p
    hosts: all
    tasks:
      - name: one
        set: { thing: x, to: "{{ to }}" }
        notify: handler
      - name: trouble
        look: { thing: mended }
        register: seen
        failed_when: seen.value != 'yes' && inventory_hostname == 'b'
      - name: two
        set: { thing: y, to: "{{ key }}" }
    handlers:
      - name: handler
        set: { thing: handled, to: "yes" }
`
const asked: ResumeRequest = { ...ASKED, output: 'plain' }

/** A run that failed on host b. */
async function failedRun(): Promise<{ world: FakeWorld; stage: Stage; go: (more?: Partial<ResumeRequest>) => Promise<number> }> {
  const stage = newStage()
  const world = fakeWorld({ files: { 'play.yml': PLAYBOOK, 'hosts.yml': 'all: { hosts: { a: , b: } }' } })
  const modules = new Map(testModules(stage).map((module) => [module.name, module]))
  const params = [{ name: 'key', text: 'sesamesesame' }]
  expect(await run(request({ what: { params }, show: { output: 'plain' } }), world, modules)).toBe(1)
  expect(stage.things.get('a/y')).toBe('sesamesesame')
  expect(stage.things.has('b/handled')).toBe(false)
  stage.things.set('b/mended', 'yes')
  stage.did.length = 0
  world.written.stdout = ''
  world.written.stderr = ''
  return { world, stage, go: (more = {}) => resume({ ...asked, ...more }, world, modules) }
}
const put = (world: FakeWorld, path: string, text: string) => world.disk.set(`/project/${path}`, new TextEncoder().encode(text))

describe('resume', () => {
  test('does what is left, pending handlers too, and nothing that was done', async () => {
    const { world, stage, go } = await failedRun()
    expect(await go({ params: [{ name: 'key', text: 'sesamesesame' }] })).toBe(0)
    expect(world.written.stderr).toMatch(/^Run \w{10} of play\.yml failed 0 s ago\.\n/)
    expect(stage.did.filter((what) => !what.includes('look'))).toEqual(['b y=sesamesesame', 'b handled=yes'])
    expect(stage.things.get('b/y')).toBe('sesamesesame')
    await expect(go()).rejects.toMatchObject({
      kind: 'input',
      message: 'no run to resume: all readable runs succeeded',
    })
  })

  test('--failed: only the hosts that failed', async () => {
    const { stage, go } = await failedRun()
    expect(await go({ failed: true, params: [{ name: 'key', text: 'sesamesesame' }] })).toBe(0)
    expect(stage.did.every((what) => what.startsWith('b '))).toBe(true)
    expect(stage.things.get('b/y')).toBe('sesamesesame')
  })

  test.each([
    ['the playbook', 'play.yml', (text: string) => `${text}# a comment\n`, 'changed since: play.yml'],
    ['the inventory', 'hosts.yml', () => 'all: { hosts: { b: } }', 'changed since: hosts.yml'],
  ])('%s has changed: named, and refused until --accept-changes', async (_what, file, edit, why) => {
    const { world, stage, go } = await failedRun()
    put(world, file, edit(new TextDecoder().decode(world.disk.get(`/project/${file}`))))
    await expect(go()).rejects.toMatchObject({ kind: 'refused', why })
    expect(stage.did).toEqual([])
    expect(await go({ acceptChanges: true })).toBe(0)
    // What was accepted is what the run goes by from now on.
    const kept = [...world.disk].find(([path]) => path.endsWith('/inputs.json'))
    const now = world.disk.get(`/project/${file}`) ?? new Uint8Array()
    expect(new TextDecoder().decode(kept?.[1])).toContain(digestOf(new TextDecoder().decode(now)))
  })

  test('a file that is gone has changed', async () => {
    const { world, go } = await failedRun()
    world.disk.delete('/project/hosts.yml')
    await expect(go()).rejects.toMatchObject({ kind: 'refused', why: 'changed since: hosts.yml' })
  })

  test('another parameter is a change, the same one and a secret are none', async () => {
    const { go } = await failedRun()
    const key = { name: 'key', text: 'sesamesesame' }
    await expect(go({ params: [key, { name: 'to', text: '2' }] })).rejects.toMatchObject({ why: 'changed since: parameter to' })
    expect(await go({ params: [key, { name: 'to', text: '1' }] })).toBe(0)
  })

  test.each([
    ['one with a request that has no parts is resumed', { version: 1, request: FLAT }, 0],
    ['one of a newer version is refused', { version: 5 }, 'was started by a newer runbook'],
  ])('inputs of another version: %s', async (_what, other, expected) => {
    const { world, go } = await failedRun()
    const [path, text] = [...world.disk].find(([name]) => name.endsWith('/inputs.json')) as [string, Uint8Array]
    world.disk.set(path, new TextEncoder().encode(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(text)), ...other })))
    const code = await go({ params: [{ name: 'key', text: 'sesamesesame' }] }).catch((error: unknown) => (error as Error).message)
    expect(code).toEqual(typeof expected === 'number' ? expected : expect.stringContaining(expected))
  })

  test('a run that was killed before it began anything is named', async () => {
    const { world, go } = await failedRun()
    for (const path of world.disk.keys()) if (path.includes('/runs/')) world.disk.delete(path)
    put(world, '.runbook/runs/1MNCRE0PMS/journal.jsonl', '')
    await expect(go()).rejects.toMatchObject({ why: expect.stringContaining('1MNCRE0PMS') })
  })

  test('no run of that name: the nearest is named', async () => {
    const { world, go } = await failedRun()
    const [run] = [...world.disk.keys()].flatMap((path) => /runs\/(\w{10})\/journal/.exec(path)?.[1] ?? [])
    const typo = `${run?.slice(0, 9)}${run?.at(-1) === 'X' ? 'Y' : 'X'}`
    await expect(go({ run: typo })).rejects.toMatchObject({ kind: 'input', help: `did you mean ${run}? runbook runs lists all` })
  })

  test('no secret is kept in clear, in the before-images neither, and the key to those is not among them', async () => {
    const { world } = await failedRun()
    const kept = [...world.disk].filter(([path]) => path.includes('/.runbook/'))
    expect(kept.filter(([path]) => path.includes('/blobs/')).length).toBeGreaterThan(1)
    expect(kept.filter(([path]) => path.includes('/keys/'))).toHaveLength(1)
    for (const [, content] of kept) expect(new TextDecoder().decode(content)).not.toContain('sesame')
  })
})
