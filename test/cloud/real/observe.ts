import type { RealCloud, Server } from './cloud.ts'
import { computes } from './layout.ts'
import { until } from './program.ts'

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

/** KiB that QEMU has in memory when a `dirty` guest has written all that it will: 192 MiB and its own (it comes to 240 000). */
const allWritten = 220_000

/** Waits until a `dirty` guest has written all of its memory once. Before that there is little to carry, and its migration comes to an end. */
export const isDirty = (cloud: RealCloud, { id, host = '' }: Server): Promise<unknown> =>
  until(
    `the guest of ${id} has written its memory`,
    120,
    async () => {
      const { stdout } = await cloud.exec(host, ['virsh', 'dommemstat', id])
      return Number(/^rss (\d+)/m.exec(stdout)?.[1] ?? 0) > allWritten
    },
    500,
  )
