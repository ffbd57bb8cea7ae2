import { expect, test } from 'vitest'
import { helpFor } from '../../../../../modules/lib/nova/live-migration/help.ts'

test.each([
  ["Unacceptable CPU info: CPU doesn't have compatibility.", /same CPU model/],
  ['No valid host was found. There are not enough hosts available.', /pre-flight/],
  ['compute14 is not on local storage: Block migration can not be used with shared storage.', /disks are shared/],
  ['compute14 is not on shared storage: Shared storage live-migration requires either shared storage', /disks are local/],
  ['The supplied disk path (/var/lib/nova/instances/x) already exists, it is expected not to exist.', /earlier move/],
  ["unable to connect to server at 'compute15:16509': Connection refused", /listen for migrations/],
  ['Unsafe migration: Migration without shared storage is unsafe', /cluster file system/],
  ['internal error: Attempt to migrate guest to the same host 1234', /host_uuid/],
  ['MessagingTimeout: Timed out waiting for a reply to message ID 1', /nova-compute is up/],
])('%s', (why, help) => {
  expect(helpFor(why)).toMatch(help)
})

test('nothing is advised where nothing is known', () => {
  expect(helpFor('the moon is full')).toBeUndefined()
})
