/** Journals of version 1, recorded by the program that wrote them. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { registry } from '../../../modules/index.ts'
import { resume } from '../../../runner/run/resume.ts'
import { applySaved } from '../../../runner/run/saved-plan.ts'
import { undo as undoRun } from '../../../runner/run/undo.ts'
import { parseLines } from '../../../runner/record/history.ts'
import { journalPath } from '../../../runner/record/paths.ts'
import { loadHistory } from '../../../runner/record/runs.ts'
import { request } from '../../doubles/request.ts'
import { fakeTarget } from '../../doubles/target.ts'
import { fakeWorld } from '../../doubles/world.ts'

/**
 * Recorded by the last runbook that wrote version 1: a run that set an option and wrote a file, and failed in its third of four steps; a saved
 * plan of the same; and the run that applied it.
 */
const recorded = JSON.parse(readFileSync(new URL('../../fixtures/journal-v1.json', import.meta.url), 'utf8')) as Record<
  'applied' | 'plan' | 'planApplied',
  Record<string, string>
>

function recordedWorld(what: keyof typeof recorded) {
  const host = fakeTarget({
    files: { '/etc/demo.conf': '[DEFAULT]\na = 2\n', '/etc/motd': 'hello\n' },
    commands: { act: {} },
  })
  const world = fakeWorld({ host: () => host })
  for (const [path, text] of Object.entries(recorded[what]))
    world.disk.set(path, Buffer.from(text, path.includes('/blobs/') ? 'base64' : 'utf8'))
  const run = [...world.disk.keys()].flatMap((path) => /runs\/(\w+)\/journal/.exec(path)?.[1] ?? [])[0] ?? ''
  const common = { run, acceptChanges: false, params: [], output: 'json', waitLock: 0 } as const
  return {
    world,
    run,
    text: (path: string) => new TextDecoder().decode(host.files.get(path)?.content),
    resume: (more = {}) => resume({ ...common, failed: false, yes: false, detach: false, ...more }, world, registry),
    undo: () => undoRun({ ...common, to: undefined, host: undefined, plan: false }, world, registry),
  }
}

describe('a journal of version 1', () => {
  test('is read: its changes name their resource by the text that they had', async () => {
    const { world, run } = recordedWorld('applied')
    const { finished, applied } = await loadHistory(world, run)
    expect([...finished.values()].map(({ changes }) => changes)).toEqual([
      [{ resource: { host: 'a', kind: 'act', name: '/etc/demo.conf[DEFAULT]a' }, before: '1', after: '2' }],
      [{ resource: { host: 'a', kind: 'act', name: '/etc/motd' }, after: 'hello\n' }],
      [{ resource: { host: 'a', kind: 'act', name: 'command' }, after: 'act' }],
    ])
    expect(applied.map(({ version }) => version)).toEqual([1, 1, 1])
  })

  test('is read: what it calls `todo` is the help of a failure', () => {
    const line = { type: 'step-finished', failure: { kind: 'failed', what: 'it broke', todo: 'mend it' } }
    expect(parseLines(JSON.stringify(line))).toEqual([
      { type: 'step-finished', failure: { kind: 'failed', what: 'it broke', help: 'mend it' } },
    ])
  })

  test('is resumed: what was done is not done again', async () => {
    const { world, run, resume, text } = recordedWorld('applied')
    expect(await resume()).toBe(0)
    expect(text('/etc/demo.conf')).toBe('[DEFAULT]\na = 2\n# end\n')
    const done = new TextDecoder().decode(world.disk.get(`/project/${journalPath(run)}`))
    expect(done.match(/"type":"apply-started"[^\n]*"key":"0.tasks.0/g)).toHaveLength(1)
  })

  test.each([['as it is'], ['resumed']])('%s, its undo is refused with the cause, and nothing is restored', async (how) => {
    const { resume, undo, text } = recordedWorld('applied')
    if (how === 'resumed') expect(await resume()).toBe(0)
    const before = text('/etc/demo.conf')
    await expect(undo()).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('an older one applied'),
      why: 'its journal has version 1; undo needs version 2 or later',
    })
    expect(text('/etc/demo.conf')).toBe(before)
  })
})

describe('a saved plan of an older version', () => {
  test('is refused', async () => {
    const { world, text } = recordedWorld('plan')
    const asked = { file: 'it.plan', request: request(), ask: false, given: new Map<string, string>() }
    await expect(applySaved(asked, world, registry)).rejects.toMatchObject({
      kind: 'input',
      message: 'it.plan was made by an older runbook',
      help: 'make a new plan',
    })
    expect(text('/etc/motd')).toBe('hello\n')
  })

  test('holds no resumed run: that is refused until the operator leaves the plan', async () => {
    const { resume, text } = recordedWorld('planApplied')
    await expect(resume()).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('a saved plan of an older runbook'),
    })
    expect(await resume({ acceptChanges: true })).toBe(0)
    expect(text('/etc/demo.conf')).toContain('# end')
  })
})
