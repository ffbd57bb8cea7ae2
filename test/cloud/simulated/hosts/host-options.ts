import type { Engine } from '../nova/engine.ts'
import type { Compute } from '../state.ts'
import type { UserNamespace } from './namespace.ts'

/** What one simulated host is made from. */
export interface HostOptions {
  readonly name: string
  readonly address: string
  /** 0: a free one. */
  readonly sshPort: number
  readonly authorizedKey: string
  /** All hosts' names and addresses, for /etc/hosts. */
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
  readonly engine: Engine
  /** undefined for a controller. */
  readonly compute: Compute | undefined
  readonly namespace: () => Promise<UserNamespace>
  /** A folder of this machine that is /var/lib/nova/instances on every host. */
  readonly shared: string | undefined
  /** More lines for nova-compute's log, which begins before the root does. */
  readonly earlierLog: string[]
}
