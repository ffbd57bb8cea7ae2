import { describe, expect, test } from 'vitest'
import { attributeChanges, mustRun, setAttributes, writeOptions } from '../../../../modules/lib/files/attributes.ts'
import { fakeTarget } from '../../../doubles/target.ts'
import { onFile } from '../../../doubles/address.ts'

const stat = { kind: 'file', size: 0, mode: '0644', uid: 0, gid: 5, owner: 'root', group: 'tty', mtime: 0 } as const

describe('attributes', () => {
  test.each([
    [{}, []],
    [{ owner: 'root', group: 'tty', mode: '644' }, []],
    [{ owner: '0', group: '5', mode: '0644' }, []],
    [{ owner: 'nova' }, [{ ...onFile('/x', 'owner'), before: 'root', after: 'nova' }]],
    [{ owner: '64055' }, [{ ...onFile('/x', 'owner'), before: '0', after: '64055' }]],
    [{ group: '0' }, [{ ...onFile('/x', 'group'), before: '5', after: '0' }]],
    [{ mode: '640' }, [{ ...onFile('/x', 'mode'), before: '0644', after: '0640' }]],
  ])('%j', (wanted, changes) => {
    expect(attributeChanges(onFile('/x').resource, stat, wanted)).toEqual(changes)
  })

  test('of a new file only what is asked for', () => {
    expect(attributeChanges(onFile('/x').resource, undefined, { mode: '640' })).toEqual([
      { ...onFile('/x', 'mode'), before: undefined, after: '0640' },
    ])
  })

  test('the owner is changed before the mode', async () => {
    const target = fakeTarget({ commands: () => ({}) })
    await setAttributes(target, ['/x', '/y'], { owner: 'nova', group: 'nova', mode: '640' })
    await setAttributes(target, ['/x'], { group: 'nova' })
    await setAttributes(target, [], { group: 'nova' })
    await setAttributes(target, ['/x'], {})
    expect(target.ran).toEqual([
      ['chown', 'nova:nova', '--', '/x', '/y'],
      ['chmod', '00640', '--', '/x', '/y'],
      ['chown', ':nova', '--', '/x'],
    ])
  })

  test('only what is given is passed on', () => {
    expect(writeOptions({ mode: '600', owner: undefined })).toEqual({ mode: '0600' })
  })

  test('an error holds what the program said last', async () => {
    const target = fakeTarget({ commands: () => ({ code: 1, stderr: "usage\nchown: invalid user: 'nova'\n" }) })
    await expect(mustRun(target, ['chown', 'nova', '--', '/x'])).rejects.toMatchObject({
      message: 'chown nova -- /x exited with 1',
      why: "chown: invalid user: 'nova'",
      stderr: "usage\nchown: invalid user: 'nova'",
    })
  })
})
