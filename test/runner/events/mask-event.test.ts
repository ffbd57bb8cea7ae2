import { expect, test } from 'vitest'
import { maskEvent } from '../../../runner/events/mask-event.ts'
import { createSecrets } from '../../../runner/base/secret-values.ts'
import { onAct } from '../../doubles/address.ts'

const place = { file: 'play.yml', line: 1, column: 1, length: 1 }
const step = {
  key: '0.0/compute14',
  task: '0.0',
  host: 'compute14',
  name: 'say pute14',
  module: 'shell',
  item: 'pute14',
  place,
  same: '0123pute14',
}
const shown = { ...step, name: 'say (hidden)', item: '(hidden)' }

const secrets = createSecrets()
secrets.add('pute14')

test('a secret is masked in what an event says, not in what it is looked up by', () => {
  const result = { host: 'compute14', key: 'pute14' }
  const event = {
    type: 'step-finished',
    at: 1,
    step,
    outcome: 'changed',
    seconds: 0,
    changes: [{ ...onAct('/pute14', undefined, 'compute14'), before: undefined, after: 'pute14' }],
    warnings: [],
    result,
    reversible: true,
  } as const
  expect(maskEvent(secrets, event)).toEqual({
    ...event,
    step: shown,
    changes: [{ ...onAct('/(hidden)', undefined, 'compute14'), before: undefined, after: '(hidden)' }],
    result: { host: 'com(hidden)', key: '(hidden)' },
  })
})

test('nor in hosts, nor in the steps that are in flight', () => {
  const resumed = { type: 'run-resumed', at: 1, run: 'R', done: 0, inFlight: [step] } as const
  expect(maskEvent(secrets, resumed)).toEqual({ ...resumed, inFlight: [shown] })
  const interrupted = { type: 'interrupted', at: 1, times: 1, inFlight: [{ step }] } as const
  expect(maskEvent(secrets, interrupted)).toEqual({ ...interrupted, inFlight: [{ step: shown }] })
  const begun = { type: 'play-started', at: 1, play: 0, name: 'on pute14', hosts: ['compute14'] } as const
  expect(maskEvent(secrets, begun)).toEqual({ ...begun, name: 'on (hidden)' })
  const checked = { type: 'step-checked', at: 1, step, changes: [], inFlight: 'pute14 is at work' } as const
  expect(maskEvent(secrets, checked)).toEqual({ ...checked, step: shown, inFlight: '(hidden) is at work' })
})

test('without secrets an event is what it was', () => {
  const event = { type: 'task-finished', at: 1, task: '0' } as const
  expect(maskEvent(createSecrets(), event)).toBe(event)
})
