/** Troubles that a test can switch on. Each is what a real cloud does when the real thing goes wrong. */

/** How a live migration goes wrong. */
export type LiveMigrationFault =
  /** The target's check refuses the guest's CPU: scheduler finds no other host, migration `error`, server ACTIVE on the source. */
  | 'cpu'
  /** A disk of that server is on the target already: `error`, and Nova's rollback deletes what it found there. */
  | 'destination-disk'
  /** The source's libvirtd cannot reach the target's: `failed`. Instance actions show no error; nova-compute's log does. */
  | 'libvirt-down'
  /** The target's disk fills while copying: `failed`, as before. */
  | 'no-space'
  /** The link stalls: bytes stop, and Nova's completion timeout aborts it. */
  | 'stalled'
  /** The completion timeout has passed at the first look: aborted by nova-compute itself. */
  | 'timeout'
  /** The migration says `completed`, the server's record still says source, the guest runs on the target. */
  | 'completed-but-on-source'
  /** nova-compute raised in mid-migration: migration `error` and server ERROR. */
  | 'server-error'
  /** The request to the source's nova-compute was lost: `accepted` and task_state migrating for ever. */
  | 'lost'

export interface ApiFault {
  readonly service?: 'keystone' | 'nova' | 'placement'
  readonly method?: string
  /** Part of the path, or a pattern for it; default every path. */
  readonly path?: string | RegExp
  /** How many requests it befalls; default all until it is removed. */
  readonly times?: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** A web server's own error page instead of JSON. */
  readonly html?: boolean
  /** Sent as it is. */
  readonly body?: string
  /** Real seconds until it is answered. */
  readonly delay?: number
  /** Never answered, the connection stays open. */
  readonly hang?: boolean
  /** The connection is cut without an answer. */
  readonly reset?: boolean
}

export interface Switch {
  /** How many times it struck. */
  readonly struck: number
  off(): void
}

export interface Faults {
  api(fault: ApiFault): Switch
  /** @param server name or ID; every server when it is missing. @param times default: until it is switched off */
  liveMigration(kind: LiveMigrationFault, options?: { readonly server?: string; readonly times?: number }): Switch
  /** Switches all off. */
  clear(): void
  /** For the simulation itself: takes one turn of the first fault that fits. */
  strikeApi(service: ApiFault['service'], method: string, path: string): ApiFault | undefined
  strikeLiveMigration(server: { readonly id: string; readonly name: string }): LiveMigrationFault | undefined
}

interface Armed<Fault> {
  readonly fault: Fault
  readonly fits: (...about: string[]) => boolean
  left: number
  struck: number
}

export function createFaults(): Faults {
  const api = new Set<Armed<ApiFault>>()
  const migrations = new Set<Armed<LiveMigrationFault>>()

  const arm = <Fault>(set: Set<Armed<Fault>>, armed: Armed<Fault>): Switch => {
    set.add(armed)
    return {
      get struck() {
        return armed.struck
      },
      off: () => void set.delete(armed),
    }
  }
  const strike = <Fault>(set: Set<Armed<Fault>>, ...about: string[]): Fault | undefined => {
    const armed = [...set].find((candidate) => candidate.left > 0 && candidate.fits(...about))
    if (armed === undefined) return undefined
    armed.left -= 1
    armed.struck += 1
    return armed.fault
  }

  return {
    api: (fault) =>
      arm(api, {
        fault,
        left: fault.times ?? Infinity,
        struck: 0,
        fits: (service = '', method = '', path = '') =>
          (fault.service ?? service) === service &&
          (fault.method ?? method) === method &&
          (fault.path === undefined || (typeof fault.path === 'string' ? path.includes(fault.path) : fault.path.test(path))),
      }),
    liveMigration: (kind, options = {}) =>
      arm(migrations, {
        fault: kind,
        left: options.times ?? Infinity,
        struck: 0,
        fits: (...names) => options.server === undefined || names.includes(options.server),
      }),
    clear() {
      api.clear()
      migrations.clear()
    },
    strikeApi: (service, method, path) => strike(api, service ?? '', method, path),
    strikeLiveMigration: (server) => strike(migrations, server.id, server.name),
  }
}
