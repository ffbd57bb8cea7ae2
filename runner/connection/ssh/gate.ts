import { createLimiter, type Limiter } from '../../base/concurrency.ts'

/**
 * Limits concurrent logins to eight per server, which leaves room for people: sshd refuses at random from its tenth
 * unfinished login on (MaxStartups 10:30:100). The limit is shared by all runs of the process.
 */
const PER_SERVER = new Map<string, Limiter>()

export function serverGate(server: string): Limiter {
  const known = PER_SERVER.get(server)
  if (known !== undefined) return known
  const gate = createLimiter(8)
  PER_SERVER.set(server, gate)
  return gate
}
