import type { RealCloud } from './cloud.ts'
import { computes } from './layout.ts'

/** Nova's records of a server's migrations, newest first. */
export const migrationsOf = async (cloud: RealCloud, id: string): Promise<readonly any[]> =>
  (await (await cloud.api()).get('compute', `/os-migrations?instance_uuid=${id}`)).migrations

/** The compute hosts on which libvirt runs the guest of a server, whatever Nova believes. */
export const whereItRuns = async (cloud: RealCloud, id: string): Promise<readonly string[]> => {
  const running = await Promise.all(
    computes.map(async (host) => {
      const { code, stdout, stderr } = await cloud.exec(host, ['virsh', 'list', '--uuid', '--state-running'])
      if (code !== 0) throw new Error(`virsh on ${host}: ${stderr}`)
      return stdout.split('\n').includes(id)
    }),
  )
  return computes.filter((_, index) => running[index])
}
