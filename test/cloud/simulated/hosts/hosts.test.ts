import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCloud } from '../cloud.ts'
import type { SimulatedCloud } from '../cloud.ts'

let cloud: SimulatedCloud
beforeAll(async () => {
  cloud = await startCloud({ startHosts: true })
})
afterAll(() => cloud.stop())

const run = async (host: string, script: string) => {
  const started = await cloud.hosts[host]?.start()
  if (started === undefined) throw new Error(`no host ${host}`)
  return started.run(script)
}

describe('a host', () => {
  test('is root in a root of its own', async () => {
    const { out } = await run('compute14', 'hostname; id -u; cat /etc/hostname; ls /var/lib/nova/instances | wc -l')
    expect(out).toBe('compute14\n0\ncompute14\n4\n')
  })
  test('virsh', async () => {
    expect(await run('compute14', 'virsh hostname; virsh list --all; virsh domstate instance-00000001; virsh version')).toMatchInlineSnapshot(`
      {
        "err": "",
        "out": "compute14

       Id   Name                State
      -----------------------------------
       1    instance-00000001   running
       2    instance-00000002   running
       3    instance-00000003   running
       -    instance-00000005   shut off

      running

      Compiled against library: libvirt 9.0.0
      Using library: libvirt 9.0.0
      Using API: QEMU 9.0.0
      Running hypervisor: QEMU 7.2.22

      ",
        "status": 0,
      }
    `)
  })
})
