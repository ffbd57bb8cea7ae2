/** The recorder: what reaches screen and journal, and when. */
import { describe, expect, test } from 'vitest'
import type { StepFinished, StepRef, Unstamped } from '../../../runner/events/events.ts'
import { createSecrets } from '../../../runner/base/secret-values.ts'
import { openRecorder } from '../../../runner/run/recorder.ts'
import { request } from '../../doubles/request.ts'
import { fakeWorld } from '../../doubles/world.ts'

const STEP: StepRef = {
  key: '0.tasks.0/a',
  task: '0.tasks.0',
  host: 'a',
  name: 'one',
  module: 'set',
  place: { file: 'play.yml', line: 1, column: 1, length: 1 },
}
const ENDED: Unstamped<StepFinished> = {
  type: 'step-finished',
  step: STEP,
  outcome: 'changed',
  seconds: 0,
  changes: [{ resource: { host: 'a', kind: 'file', name: '/x' }, before: 'sesame', after: 'other', sensitive: true }],
  warnings: [],
  result: { said: 'open sesame!' },
  reversible: true,
}
const lines = (text: string) => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as object]))

async function recording() {
  const world = fakeWorld()
  const secrets = createSecrets()
  secrets.add('sesame')
  const recorder = await openRecorder(request(), secrets, [], world)
  return {
    world,
    recorder,
    shown: () => lines(world.written.stdout),
    kept: () => lines(new TextDecoder().decode(world.disk.get('/project/.runbook/runs/R1/journal.jsonl'))),
  }
}

describe('an event', () => {
  test('is stamped, masked, counted, shown, and kept once there is a journal', async () => {
    const { world, recorder, shown, kept } = await recording()
    recorder.emit({ type: 'lock-awaited', reasons: ['a is held by sesame'] })
    await recorder.openJournal('R1', () => {})
    recorder.emit(ENDED)
    await recorder.close()
    const at = world.clock.now()
    const ended = {
      type: 'step-finished',
      at,
      result: { said: 'open (hidden)!' },
      changes: [expect.objectContaining({ before: expect.stringContaining('hidden') })],
    }
    expect(shown()).toMatchObject([{ type: 'lock-awaited', at, reasons: ['a is held by (hidden)'] }, ended])
    expect(kept()).toMatchObject([{ type: 'journal' }, ended])
    expect(recorder.report.counts().changed).toBe(1)
    expect(world.written.stdout).not.toContain('sesame')
  })

  test('shows nothing of what undo needs, and keeps it sealed', async () => {
    const { world, recorder, shown } = await recording()
    await recorder.openJournal('R1', () => {})
    const undo = {
      host: 'a',
      become: { wanted: undefined, user: undefined },
      params: { to: 'sesame' },
      before: 'sesame',
      variables: {},
    }
    recorder.emit({ type: 'apply-started', step: STEP, undo: undo as never })
    await recorder.durable()
    expect(shown()).toMatchObject([{ type: 'apply-started', step: { key: STEP.key } }])
    const everything = [world.written.stdout, ...[...world.disk.values()].map((bytes) => new TextDecoder().decode(bytes))].join()
    expect(everything).not.toContain('sesame')
    expect([...world.disk.keys()].some((path) => path.includes('/blobs/'))).toBe(true)
  })
})

test('questions are asked one at a time', async () => {
  const { world, recorder } = await recording()
  const open: ((answer: string) => void)[] = []
  Object.assign(world, { ask: () => new Promise<string>((resolve) => open.push(resolve)) })
  const answers = Promise.all([recorder.ask('first?'), recorder.ask('second?')])
  await new Promise((resolve) => setImmediate(resolve))
  expect(open).toHaveLength(1)
  open[0]?.('yes')
  await new Promise((resolve) => setImmediate(resolve))
  expect(open).toHaveLength(2)
  open[1]?.('no')
  expect(await answers).toEqual(['yes', 'no'])
})
