/** Lets so many through at a time; the others wait their turn. */
export interface Gate {
  /** Runs `work` when there is room. */
  pass<T>(work: () => Promise<T>): Promise<T>
}

export function createGate(width: number): Gate {
  let inside = 0
  const waiting: (() => void)[] = []
  return {
    async pass(work) {
      if (inside < width) inside += 1
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work()
      } finally {
        // Hands its place on, or gives it back.
        const next = waiting.shift()
        if (next === undefined) inside -= 1
        else next()
      }
    },
  }
}

/**
 * sshd refuses at random from its tenth unfinished login on (MaxStartups 10:30:100): eight at once for one server leave room
 * for people. The limit is of the whole process, whichever run the connections belong to.
 */
const perServer = new Map<string, Gate>()

export function serverGate(server: string): Gate {
  const known = perServer.get(server)
  if (known !== undefined) return known
  const gate = createGate(8)
  perServer.set(server, gate)
  return gate
}
