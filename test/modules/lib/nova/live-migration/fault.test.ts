import { describe, expect, test } from 'vitest'
import { faultOf } from '../../../../../modules/lib/nova/live-migration/fault.ts'
import type { InstanceAction } from '../../../../../runner/module.ts'

type Event = NonNullable<InstanceAction['events']>[number]

const action = (events: readonly Partial<Event>[], message?: string): InstanceAction => ({
  action: 'live-migration',
  requestId: 'req-1',
  startTime: '2026-01-01T00:00:00',
  message,
  events: events.map((event) => ({ event: 'compute_live_migration', result: 'Error', host: 'compute15', ...event })),
})

const TRACEBACK = `Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/nova/conductor/manager.py", line 1, in inner
    raise
nova.exception.NoValidHost: No valid host was found. There are not enough hosts available.
`

describe('the reason in an instance action', () => {
  test('is the detail of the first event that failed', () => {
    expect(
      faultOf(action([{ result: 'Success', details: 'no' }, { details: 'Unacceptable CPU info' }, { details: 'another' }])),
    ).toEqual({
      text: 'Unacceptable CPU info',
      host: 'compute15',
    })
  })

  test('is the last line of the traceback, before 2.84', () => {
    expect(faultOf(action([{ traceback: TRACEBACK, host: undefined }]))).toEqual({
      text: 'nova.exception.NoValidHost: No valid host was found. There are not enough hosts available.',
      host: undefined,
    })
  })

  test('is the traceback where the detail is no more than the name of an exception', () => {
    expect(
      faultOf(action([{ details: 'libvirtError', traceback: 'x\nlibvirt.libvirtError: operation failed: no disk' }]))?.text,
    ).toBe('libvirt.libvirtError: operation failed: no disk')
    expect(faultOf(action([{ details: 'libvirtError' }]))?.text).toBe('libvirtError')
  })

  test('is the message of the action, where it says more than Error', () => {
    expect(faultOf(action([], 'something else'))).toEqual({ text: 'something else', host: undefined })
    expect(faultOf(action([], 'Error'))).toBeUndefined()
  })

  test('is nothing where everything succeeded', () => {
    expect(faultOf(action([{ result: 'Success', details: 'fine' }]))).toBeUndefined()
    expect(faultOf({ ...action([]), message: undefined })).toBeUndefined()
  })
})
