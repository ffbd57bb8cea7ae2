import { describe, expect, test } from 'vitest'
import { runningAs } from '../../../runner/record/liveness.ts'
import { readRun, loadKeptInputs } from '../../../runner/record/runs.ts'
import { FLAT, request } from '../../doubles/request.ts'
import { fakeWorld } from '../../doubles/world.ts'

const worldOf = (name: string, content: string) => fakeWorld({ files: { [`.runbook/runs/R/${name}`]: content } })
const RUBBISH = [
  '',
  'rubbish',
  '{}',
  'null',
  '[]',
  '5',
  '"x"',
  '{"version":2}',
  '{"version":2,"digests":{},"request":{"what":{}}}',
]

describe('files of a run that hold something else', () => {
  test.each([...RUBBISH, '{"pid":1}', '{"pid":"1","started":"1","boot":"b"}'])(
    'process.json: %s is no run under way',
    async (content) => {
      expect(await runningAs(worldOf('process.json', content), 'R')).toBeUndefined()
    },
  )

  const wrong = { ...request(), which: { ...request().which, limit: 5 } }
  test.each([...RUBBISH, JSON.stringify({ version: 2, digests: {}, request: wrong })])(
    'inputs.json: %s is said so',
    async (content) => {
      await expect(loadKeptInputs(worldOf('inputs.json', content), 'R')).rejects.toMatchObject({
        name: 'Failure',
        kind: 'input',
        message: '.runbook/runs/R/inputs.json is damaged',
      })
    },
  )

  test.each([
    ['with parts', request()],
    ['of an older version', FLAT],
  ])('inputs.json %s is read', async (_name, asked) => {
    const kept = worldOf('inputs.json', JSON.stringify({ version: 1, digests: {}, request: asked }))
    expect((await loadKeptInputs(kept, 'R')).request.what.playbook).toBe('play.yml')
  })

  test.each(['null', '{"type":"run-started"}\n{"type":"step-finished"}', '5\n{"type":"apply-started"}'])(
    'journal.jsonl with %j in it cannot be read, or only that line is not',
    async (lines) => {
      const known = await readRun(worldOf('journal.jsonl', `{"type":"journal","version":1}\n${lines}\n`), 'R')
      expect(known).toMatchObject({ run: 'R', why: expect.any(String) })
    },
  )
})
