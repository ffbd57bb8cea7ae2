/** Nova's record of a service on a host: status, reason, and the forced-down mark. Called by `nova_service`. */
import {
  type Address,
  type Compute,
  type ComputeService,
  duration,
  Failure,
  list,
  suggestion,
  type Target,
} from '../../../runner/module.ts'
import { inventoryName } from '../nova/compute-host.ts'
import type { Resource } from './resource.ts'

export interface ServiceWish {
  /** The compute host, as Nova names it. */
  readonly host: string
  readonly binary: string
  readonly state?: ComputeService['status'] | undefined
  readonly reason?: string | undefined
  readonly forced_down?: boolean | undefined
  /** Seconds to wait until the service is up; 0: do not wait. */
  readonly wait_up: number
  readonly cloud?: string | undefined
}

interface ServiceState {
  readonly id: string
  readonly status: ComputeService['status']
  readonly reason: string | null
  readonly forced_down: boolean
}

export function serviceRecord(wish: ServiceWish): Resource<ServiceState> {
  const { host, binary, state, reason, forced_down, wait_up, cloud } = wish
  const address: Address = { host: cloud ?? '', kind: 'service-record', name: `${binary} on ${host}` }
  const computeOf = async (target: Target) => (await target.cloud(cloud)).compute
  return {
    address,

    async look(target) {
      const service = await find(await computeOf(target), host, binary)
      const isOther =
        (state !== undefined && state !== service.status) || (reason !== undefined && reason !== service.disabledReason)
      const differences = [
        isOther && { property: 'status', before: shown(service.status, service.disabledReason), after: shown(state, reason) },
        forced_down !== undefined &&
          forced_down !== service.forcedDown && {
            property: 'forced down',
            before: String(service.forcedDown),
            after: String(forced_down),
          },
        wait_up > 0 &&
          service.state === 'down' && { property: 'state', before: 'down', after: `up, within ${duration(wait_up)}` },
      ]
      return {
        state: stateOf(service),
        changes: differences.flatMap((difference) => (difference === false ? [] : [{ resource: address, ...difference }])),
        result: plain(service),
        locks: [{ host: inventoryName(target.hosts, service.host) ?? service.host }],
      }
    },

    async make(target, before) {
      const compute = await computeOf(target)
      // forced_down goes first and alone: if Nova refuses it because of evacuation records, nothing else has changed
      // yet.
      if (forced_down !== undefined && forced_down !== before.forced_down) await force(compute, before.id, forced_down, host)
      if ((state !== undefined && state !== before.status) || (reason !== undefined && reason !== before.reason))
        await compute.updateService(before.id, update(state ?? before.status, reason))
      return plain(await (wait_up > 0 ? waitUp(compute, wish, target) : find(compute, host, binary)))
    },

    describe: ({ status, reason, forced_down }) => [
      { resource: address, properties: { status, reason: reason ?? 'none', 'forced down': String(forced_down) } },
    ],

    async restore(target, before) {
      const compute = await computeOf(target)
      const now = await find(compute, host, binary)
      if (now.forcedDown !== before.forced_down) await force(compute, now.id, before.forced_down, host)
      if (now.status !== before.status || (now.disabledReason ?? null) !== before.reason)
        await compute.updateService(now.id, update(before.status, before.reason ?? undefined))
    },
  }
}

async function find(compute: Compute, host: string, binary: string): Promise<ComputeService> {
  const service = (await compute.services({ host, binary })).find((one) => one.host === host && one.binary === binary)
  if (service !== undefined) return service
  const all = await compute.services()
  const here = all.filter((one) => one.host === host).map((one) => one.binary)
  if (here.length > 0) {
    throw new Failure(`no \`${binary}\` on ${host}${suggestion(binary, here)}`, {
      kind: 'input',
      help: `services on ${host}: ${here.join(', ')}`,
    })
  }
  const hosts = [...new Set(all.filter((one) => one.binary === binary).map((one) => one.host))]
  throw new Failure(`no host \`${host}\` runs \`${binary}\`${suggestion(host, hosts)}`, {
    kind: 'input',
    help: `hosts with ${binary}: ${list(hosts, 20)}`,
  })
}

/**
 * Sets the forced-down mark. Nova refuses to lift the mark while `done` evacuation records remain; the start of the
 * source's nova-compute makes them `completed`.
 */
async function force(compute: Compute, id: string, forcedDown: boolean, host: string): Promise<void> {
  try {
    await compute.updateService(id, { forcedDown })
  } catch (error) {
    if (forcedDown || !(error instanceof Failure) || !/evacuation/.test(`${error.message} ${error.why ?? ''}`)) throw error
    throw new Failure(`nova-compute on ${host} stays forced down`, {
      why: error.why ?? error.message,
      help: `start nova-compute on ${host}: it cleans up its evacuated servers; then retry`,
      cause: error,
    })
  }
}

async function waitUp(compute: Compute, { host, binary, wait_up: wait }: ServiceWish, target: Target): Promise<ComputeService> {
  const start = target.now()
  for (;;) {
    const service = await find(compute, host, binary)
    if (service.state === 'up') return service
    const waited = target.now() - start
    if (waited >= wait) {
      throw new Failure(`${binary} on ${host} is still down after ${duration(wait)}`, {
        kind: 'timeout',
        why: `Nova last heard of it at ${service.updatedAt ?? 'no time'}${service.forcedDown ? '; it is marked as forced down' : ''}`,
        help: service.forcedDown
          ? 'set `forced_down: false`'
          : `check \`systemctl status ${binary}\` and its log on ${host}, and at the message queue`,
      })
    }
    target.progress({ done: waited, total: wait, unit: 'seconds', note: `${binary} on ${host} is down` })
    await target.sleep(Math.min(2, wait - waited))
  }
}

const update = (status: ComputeService['status'], reason: string | undefined) =>
  reason === undefined || status === 'enabled' ? { status } : { status, disabledReason: reason }

const shown = (status: string | undefined, reason: string | undefined): string | undefined =>
  status === 'disabled' && reason !== undefined ? `disabled (${reason})` : status

const stateOf = (service: ComputeService): ServiceState => ({
  id: service.id,
  status: service.status,
  reason: service.disabledReason ?? null,
  forced_down: service.forcedDown,
})

const plain = (service: ComputeService) => ({
  id: service.id,
  host: service.host,
  binary: service.binary,
  status: service.status,
  state: service.state,
  disabled_reason: service.disabledReason ?? null,
  forced_down: service.forcedDown,
})
