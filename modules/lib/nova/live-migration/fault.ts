import type { Compute, InstanceAction } from '../../../../runner/module.ts'

export interface Fault {
  readonly text: string
  readonly host: string | undefined
}

/**
 * Reads from a server's instance actions why Nova ended its last live migration. Undefined if Nova recorded no
 * reason: errors in the hypervisor's own thread are only in the log of nova-compute. Undefined too if the actions
 * cannot be read, so that the outcome is not lost.
 * @param requestId id of our request; undefined: the newest live migration
 */
export async function lastFault(compute: Compute, serverId: string, requestId: string | undefined): Promise<Fault | undefined> {
  try {
    const known = requestId === undefined ? undefined : await compute.instanceAction(serverId, requestId)
    if (known !== undefined) return faultOf(known)
    const last = (await compute.instanceActions(serverId)).find(({ action }) => action === 'live-migration')
    return last === undefined ? undefined : faultOf((await compute.instanceAction(serverId, last.requestId)) ?? last)
  } catch {
    return undefined
  }
}

/**
 * Since 2.84 an event has `details`. Before, the reason is the last line of a traceback that only administrators see.
 */
export function faultOf({ events = [], message }: InstanceAction): Fault | undefined {
  const failed = events.filter(({ result }) => result === 'Error')
  const reasons = failed.flatMap(({ details, traceback, host }) => {
    const text = better(details?.trim(), lastLine(traceback))
    return text === undefined ? [] : [{ text, host }]
  })
  if (reasons[0] !== undefined) return reasons[0]
  return message === undefined || message === '' || message === 'Error' ? undefined : { text: message, host: undefined }
}

/** If an exception is not one of Nova's own, `details` has only the name of its class. */
function better(details: string | undefined, fromTraceback: string | undefined): string | undefined {
  if (details === undefined || details === '') return fromTraceback
  return /\s/.test(details) ? details : (fromTraceback ?? details)
}

const lastLine = (text: string | undefined): string | undefined => text?.trim().split('\n').at(-1)?.trim() || undefined
