import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import libvirtdConf from '../../modules/libvirtd_conf.ts'
import { localTarget, scratchFolder } from '../doubles/local-target.ts'
import { shipped, unpack } from './lib/libvirt/oracle.ts'

const folder = scratchFolder()
const path = join(folder, 'etc/libvirt/libvirtd.conf')
const options = {
  listen_tls: false,
  listen_tcp: true,
  auth_tcp: 'none',
  tcp_port: 16510,
  tls_allowed_dn_list: ['CN=compute14', 'CN=compute15'],
  log_outputs: '3:syslog:libvirtd',
}
const params = { path, create: false, options }

beforeAll(() => unpack(folder, 'libvirt-daemon-system'))

test("Debian's own file gets each value below its commented default, and every byte back by undo", async () => {
  const target = localTarget(folder)
  const before = shipped(folder, 'etc/libvirt/libvirtd.conf')
  const diff = await libvirtdConf.check(params, target)
  expect(diff.changes).toHaveLength(6)
  await libvirtdConf.apply?.(params, diff, target)
  expect(readFileSync(path, 'utf8')).toBe(
    before
      .replace('#listen_tls = 0\n', '$&listen_tls = 0\n')
      .replace('#listen_tcp = 1\n', '$&listen_tcp = 1\n')
      .replace('#auth_tcp = "sasl"\n', '$&auth_tcp = "none"\n')
      .replace('#tcp_port = "16509"\n', '$&tcp_port = "16510"\n')
      .replace('#tls_allowed_dn_list = ["DN1", "DN2"]\n', '$&tls_allowed_dn_list = ["CN=compute14", "CN=compute15"]\n')
      .replace('#log_outputs="3:syslog:libvirtd"\n', '$&log_outputs = "3:syslog:libvirtd"\n'),
  )
  expect((await libvirtdConf.check(params, target)).changes).toEqual([])
  await libvirtdConf.undo?.(params, diff.before, target)
  expect(readFileSync(path, 'utf8')).toBe(before)
})

test('an example of the shipped file that is uncommented, lists over several lines included, can be changed', async () => {
  const target = localTarget(folder)
  const before = shipped(folder, 'etc/libvirt/libvirtd.conf').replace(
    '#tls_allowed_dn_list = ["DN1", "DN2"]',
    'tls_allowed_dn_list = [\n  "DN1",\n  "DN2",\n]',
  )
  writeFileSync(path, before)
  const one = { ...params, options: { tls_allowed_dn_list: ['DN2'] } }
  const diff = await libvirtdConf.check(one, target)
  expect(diff.changes).toMatchObject([{ property: 'tls_allowed_dn_list', before: '["DN1", "DN2"]', after: '["DN2"]' }])
  await libvirtdConf.apply?.(one, diff, target)
  expect(readFileSync(path, 'utf8')).toBe(before.replace('[\n  "DN1",\n  "DN2",\n]', '["DN2"]'))
})
