import { createLimiter, type Limiter } from '../../base/concurrency.ts'

/**
 * sshd refuses at random from its tenth unfinished login on (MaxStartups 10:30:100): eight at once for one server leave room
 * for people. The limit is of the whole process, whichever run the connections belong to.
 */
const PER_SERVER = new Map<string, Limiter>()

export function serverGate(server: string): Limiter {
  const known = PER_SERVER.get(server)
  if (known !== undefined) return known
  const gate = createLimiter(8)
  PER_SERVER.set(server, gate)
  return gate
}
