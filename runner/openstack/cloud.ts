/** The OpenStack client as modules see it. Implemented in this folder; every method throws `Failure`. */

export interface Token {
  readonly user: { readonly id: string; readonly name: string }
  readonly project: { readonly id: string; readonly name: string } | undefined
  readonly roles: readonly string[]
  /** ISO 8601. */
  readonly expiresAt: string
}

export interface CloudRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the service's endpoint, e.g. `/servers/detail`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** The microversion to send. Throws a `Failure` if the service does not support it. */
  readonly microversion?: string
  /** Error statuses to return instead of throwing (e.g. 404). */
  readonly accept?: readonly number[]
}

export interface CloudResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown
}

export interface Cloud {
  /** The cloud's name in clouds.yaml, or `environment`. */
  readonly name: string
  /** Warnings about the cloud's settings, e.g. that certificates are not checked. */
  readonly warnings: readonly string[]
  token(): Promise<Token>
  readonly compute: Compute
  readonly placement: Placement
  /** Any other call. `service` is a catalogue type: compute, placement, network, image, volumev3 … */
  request(service: string, request: CloudRequest): Promise<CloudResponse>
}

/** A server as Nova's API shows it to an administrator, without the extension prefixes. */
export interface Server {
  readonly id: string
  readonly name: string
  /** ACTIVE, SHUTOFF, MIGRATING, ERROR … */
  readonly status: string
  readonly vmState: string
  readonly taskState: string | undefined
  /** 1 running, 3 paused, 4 shut down … (nova.compute.power_state). */
  readonly powerState: number
  /** Compute host (OS-EXT-SRV-ATTR:host); undefined without the admin role or before scheduling. */
  readonly host: string | undefined
  /** Hypervisor host name (node). */
  readonly node: string | undefined
  readonly instanceName: string | undefined
  readonly projectId: string
  readonly availabilityZone: string | undefined
  readonly pinnedAvailabilityZone: string | undefined
  readonly locked: boolean
  readonly configDrive: boolean
  /** Embedded since 2.47; MiB, GiB, GiB. */
  readonly flavor: {
    readonly name: string
    readonly vcpus: number
    readonly ram: number
    readonly disk: number
    readonly ephemeral: number
    readonly swap: number
    readonly extraSpecs: Readonly<Record<string, string>>
  }
  readonly imageId: string | undefined
  readonly volumes: readonly string[]
  /** Only from `server(id)`: Nova's lists leave them out. */
  readonly serverGroups: readonly string[]
  readonly fault: { readonly code: number; readonly message: string; readonly details?: string } | undefined
  readonly launchedAt: string | undefined
}

export interface ServerFilter {
  /** Exact. Throws a `Failure` if the user may not see hosts: Nova would ignore the filter. */
  readonly host?: string
  readonly status?: string
  /** Implies `allProjects`. */
  readonly projectId?: string
  /** A regular expression to Nova, matching anywhere in the name. */
  readonly name?: string
  readonly allProjects?: boolean
}

/** A record of `os-migrations`, or, with the byte counts, of a server's running migrations. */
export interface Migration {
  readonly id: number
  readonly uuid: string | undefined
  readonly serverId: string
  /**
   * accepted, queued, preparing, running, running (post-copy), post-migrating, completed, error, failed, cancelled …
   */
  readonly status: string
  /** live-migration, migration, resize, evacuation */
  readonly type: string
  readonly sourceHost: string | undefined
  readonly targetHost: string | undefined
  readonly createdAt: string
  readonly updatedAt: string | undefined
  readonly memory?: Bytes
  readonly disk?: Bytes
}
export interface Bytes {
  readonly total: number
  readonly processed: number
  readonly remaining: number
}

export interface InstanceAction {
  readonly action: string
  readonly requestId: string
  readonly startTime: string
  /** Set when the action as a whole failed. */
  readonly message: string | undefined
  readonly events?: readonly {
    readonly event: string
    readonly result: string | undefined
    readonly host: string | undefined
    readonly traceback?: string
    /** since 2.84 */ readonly details?: string
  }[]
}

export interface ComputeService {
  readonly id: string
  readonly binary: string
  readonly host: string
  readonly zone: string
  readonly status: 'enabled' | 'disabled'
  readonly state: 'up' | 'down'
  readonly disabledReason: string | undefined
  readonly forcedDown: boolean
  readonly updatedAt: string | undefined
}

/** Read at microversion 2.87 at most: 2.88 drops cpu_info and the free disk figures. */
export interface Hypervisor {
  readonly id: string
  /** Node name. */
  readonly name: string
  /** Compute host. */
  readonly host: string
  readonly type: string
  /** As Nova's integer: 7002022 is 7.2.22. */
  readonly version: number
  readonly state: 'up' | 'down'
  readonly status: 'enabled' | 'disabled'
  readonly hostIp: string | undefined
  /** MiB. */
  readonly memory: number
  readonly memoryUsed: number
  /** GiB; least available disk, from the hypervisor's own statfs. */
  readonly diskAvailableLeast: number | undefined
  readonly localDisk: number | undefined
  readonly vcpus: number | undefined
  readonly runningServers: number | undefined
  /** Parsed cpu_info: arch, model, vendor, features, topology. */
  readonly cpu: Readonly<Record<string, unknown>> | undefined
}

export interface Compute {
  /** The microversion range that the service offers. */
  versions(): Promise<{ readonly min: string; readonly max: string }>
  /** All pages. */
  servers(filter?: ServerFilter): Promise<readonly Server[]>
  server(id: string): Promise<Server | undefined>
  /** POST /servers/{id}/action. */
  action(id: string, action: Readonly<Record<string, unknown>>, microversion?: string): Promise<CloudResponse>
  /**
   * Calls os-migrateLive. Without a host the scheduler chooses one. Success means only that Nova accepted the request.
   * Returns the request id of the instance action.
   */
  liveMigrate(
    id: string,
    options: { readonly host?: string; readonly blockMigration: 'auto' | boolean },
  ): Promise<string | undefined>
  /** Migrations in queued, preparing, running or post-migrating, with byte counts. */
  runningMigrations(serverId: string): Promise<readonly Migration[]>
  /** os-migrations, newest first. */
  migrations(filter?: {
    readonly serverId?: string
    readonly host?: string
    readonly status?: string
    readonly type?: string
  }): Promise<readonly Migration[]>
  /** Returns true if Nova accepted the abort, false if the migration's state no longer allows one. */
  abortMigration(serverId: string, migrationId: number): Promise<boolean>
  forceComplete(serverId: string, migrationId: number): Promise<boolean>
  /** Newest first, without events. */
  instanceActions(serverId: string): Promise<readonly InstanceAction[]>
  /** One action with its events. */
  instanceAction(serverId: string, requestId: string): Promise<InstanceAction | undefined>
  services(filter?: { readonly binary?: string; readonly host?: string }): Promise<readonly ComputeService[]>
  updateService(
    id: string,
    change: { readonly status?: 'enabled' | 'disabled'; readonly disabledReason?: string; readonly forcedDown?: boolean },
  ): Promise<ComputeService>
  hypervisors(): Promise<readonly Hypervisor[]>
  serverGroup(
    id: string,
  ): Promise<
    { readonly id: string; readonly name: string; readonly policy: string; readonly members: readonly string[] } | undefined
  >
  /** The last lines of the serial console; undefined if the driver or the server's state has no console. */
  consoleOutput(id: string, lines: number): Promise<string | undefined>
}

export interface Inventory {
  readonly total: number
  readonly reserved: number
  readonly allocationRatio: number
}
export interface Placement {
  /** All providers, or the one with this name. */
  providers(name?: string): Promise<readonly { readonly id: string; readonly name: string; readonly generation: number }[]>
  inventories(providerId: string): Promise<Readonly<Record<string, Inventory>>>
  usages(providerId: string): Promise<Readonly<Record<string, number>>>
  traits(providerId: string): Promise<readonly string[]>
  /** By provider id. */
  allocations(consumerId: string): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>
}
