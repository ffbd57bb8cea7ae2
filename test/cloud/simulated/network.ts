/** Loopback addresses: each cloud has 127.77.N.* for itself, so that its hosts have addresses of their own with the usual ports. */
import { createServer } from 'node:net'
import type { Server } from 'node:net'

export interface Network {
  /** The N of 127.77.N.*. */
  readonly number: number
  readonly controller: string
  /** @param index 0 for compute14 */
  compute(index: number): string
  release(): Promise<void>
}

/** How many compute hosts have room in one network. */
export const maxComputes = 240

/** The port that marks a network as taken. */
const lockPort = 7741

/** @param number a certain one; undefined: any that is free @throws Error when it is taken */
export async function claimNetwork(number?: number): Promise<Network> {
  if (number !== undefined) {
    const lock = await listen(number)
    if (lock === undefined) throw new Error(`the addresses 127.77.${number}.* are taken: another simulated cloud runs with them`)
    return network(number, lock)
  }
  const first = 1 + Math.floor(Math.random() * 253)
  for (let step = 0; step < 253; step += 1) {
    const candidate = 1 + ((first + step) % 253)
    const lock = await listen(candidate)
    if (lock !== undefined) return network(candidate, lock)
  }
  throw new Error('all loopback networks 127.77.1.* to 127.77.253.* are taken')
}

const network = (number: number, lock: Server): Network => ({
  number,
  controller: `127.77.${number}.11`,
  compute: (index) => `127.77.${number}.${14 + index}`,
  release: () => new Promise((resolve) => lock.close(() => resolve())),
})

const listen = (number: number) =>
  new Promise<Server | undefined>((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen({ host: `127.77.${number}.1`, port: lockPort, exclusive: true }, () => resolve(server))
  })
