import type { Compute, InstanceAction } from '../../../../runner/module.ts'

export interface Fault {
  readonly text: string
  readonly host: string | undefined
}

/**
 * Why Nova ended the last live migration of a server, from its instance actions; undefined where Nova recorded no reason (what happens
 * in the hypervisor's own thread is only in the log of nova-compute). A failure to read them is not worth losing the outcome for.
 * @param requestId of the request, where it was ours; otherwise the newest live migration is meant
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

/** Since 2.84 an event has `details`; before, only administrators see a traceback, whose last line says it. */
export function faultOf({ events = [], message }: InstanceAction): Fault | undefined {
  const failed = events.filter(({ result }) => result === 'Error')
  const told = failed.flatMap(({ details, traceback, host }) => {
    const text = better(details?.trim(), lastLine(traceback))
    return text === undefined ? [] : [{ text, host }]
  })
  if (told[0] !== undefined) return told[0]
  return message === undefined || message === '' || message === 'Error' ? undefined : { text: message, host: undefined }
}

/** Where an exception is not one of Nova's own, `details` is no more than the name of its class. */
function better(details: string | undefined, fromTraceback: string | undefined): string | undefined {
  if (details === undefined || details === '') return fromTraceback
  return /\s/.test(details) ? details : (fromTraceback ?? details)
}

const lastLine = (text: string | undefined): string | undefined => text?.trim().split('\n').at(-1)?.trim() || undefined
