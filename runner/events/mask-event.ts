import type { Change } from '../module.ts'
import type { Event, StepFinished, StepRef } from './events.ts'
import type { Secrets } from './secrets.ts'

/** What tells a run, a host or a step from another: it is looked up by, and a secret that is a part of a host's name must not change it. */
const OF_EVENT = [
  'type',
  'at',
  'run',
  'goal',
  'playbook',
  'inventory',
  'hosts',
  'host',
  'task',
  'block',
  'blob',
  'by',
  'undoes',
  'unfinished',
]
const OF_STEP = ['key', 'task', 'host', 'module', 'place', 'same']

/** An event as it may be shown and kept: every secret in its texts and data is masked. */
export function maskEvent<E extends Partial<Event>>(secrets: Secrets, event: E): E {
  const masked = secrets.mask(event)
  if (masked === event) return event
  const { step, inFlight, changes } = event as Partial<StepFinished> & { readonly inFlight?: unknown }
  return {
    ...masked,
    ...picked(event, OF_EVENT),
    ...(step === undefined ? {} : { step: maskStep(secrets, step) }),
    ...(changes === undefined ? {} : { changes: changes.map((change) => maskChange(secrets, change)) }),
    ...(Array.isArray(inFlight)
      ? { inFlight: inFlight.map((one: StepRef | { step: StepRef }) => maskFlying(secrets, one)) }
      : {}),
  }
}

/** The same change with every secret in its texts masked; where it is stays. */
export const maskChange = (secrets: Secrets, change: Change): Change => ({
  ...secrets.mask(change),
  resource: { ...change.resource, name: secrets.mask(change.resource.name) },
})

const maskStep = (secrets: Secrets, step: StepRef): StepRef => ({ ...secrets.mask(step), ...picked(step, OF_STEP) })

const maskFlying = (secrets: Secrets, one: StepRef | { readonly step: StepRef }): object =>
  'step' in one ? { ...secrets.mask(one), step: maskStep(secrets, one.step) } : maskStep(secrets, one)

const picked = (from: object, keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)))
