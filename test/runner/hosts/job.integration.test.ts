import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { connectLocal } from '../../../runner/connection/local.ts'
import { defineModule, Failure, type Target } from '../../../runner/module.ts'
import { scratchFolder } from '../../doubles/local-target.ts'
import { play } from '../../scenes/play.ts'

const folder = scratchFolder()
const path = (name: string) => join(folder, name)
const host = connectLocal({ name: 'a', kind: 'local', address: 'localhost' }, { env: process.env })
const NAME = `test-slow-${process.pid}`
let handle: ReturnType<Target['job']>
afterAll(async () => {
  await handle.end()
  await handle.remove()
  await host.close()
})

/** A module that makes a file by a job. The test decides how long the job takes. */
const slow = defineModule({
  name: 'slow',
  summary: 'Make a file, slowly.',
  params: { type: 'object', additionalProperties: false, properties: {} },
  examples: [],
  async check(_params, target) {
    const state = await jobOf(target).look()
    const done = (await target.stat(path('made'))) !== undefined && state?.kind !== 'running'
    return {
      before: undefined,
      changes: done
        ? []
        : [{ resource: { host: target.host, kind: 'file', name: path('made') }, before: 'absent', after: 'made' }],
      ...(state?.kind === 'running' ? { inFlight: `job ${NAME}, ${state.progress?.done} of ${state.progress?.total}` } : {}),
    }
  },
  async apply(_params, diff, target) {
    const job = jobOf(target)
    if (diff.inFlight === undefined) await job.start()
    const { code, stderr } = await job.follow()
    if (code !== 0) throw new Failure('the file was not made', { stderr })
    await job.remove()
  },
})

const WORK = `echo "$$" >>"$2/starts"; echo '1 2 parts' >"$RUNBOOK_PROGRESS"; while [ ! -e "$1" ]; do sleep 0.05; done; : >"$2/made"`
const jobOf = (target: Pick<Target, 'job'>) =>
  (handle = target.job(NAME, { argv: ['sh', '-c', WORK, 'sh', path('gate'), folder] }))

test('a step that is stopped leaves its job at work; the next run finds it, joins it, and it was started once', async () => {
  const playbook = `
name: p
plays:
  - hosts: a
    tasks:
      - { name: Slow, slow: {} }
`
  const given = { modules: [slow], host: () => host.as(undefined) }
  const stopped = await play(playbook, {
    ...given,
    onEvent: (event, world) => {
      if (event.type === 'step-progress') for (const _twice of [1, 2]) world.interrupt('SIGINT')
    },
  })
  expect(stopped.outcomes).not.toContain('a Slow: changed')
  expect(existsSync(path('made'))).toBe(false)

  const joined = await play(playbook, {
    ...given,
    onEvent: (event) => {
      if (event.type === 'step-progress') writeFileSync(path('gate'), '')
    },
  })
  expect(joined.events).toContainEqual(expect.objectContaining({ type: 'step-checked', inFlight: `job ${NAME}, 1 of 2` }))
  expect(joined.outcomes).toEqual(['a Slow: changed'])
  expect(await host.as(undefined).read(path('starts')).then(String)).toMatch(/^\d+\n$/)
  expect((await play(playbook, given)).outcomes).toEqual(['a Slow: ok'])
})
