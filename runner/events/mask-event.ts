/** Hides secrets in events and failures before they are shown or kept. Called by run/recorder.ts and run/run.ts. */
import { Failure } from '../base/failure.ts'
import { hideCredentials } from '../base/secret-names.ts'
import type { Secrets } from '../base/secret-values.ts'
import type { Event, FailureInfo, StepFinished, StepRef } from './events.ts'
import { maskChange, maskSnapshot } from './mask-change.ts'

/**
 * The identifying fields of a run, a host or a step. They stay as they are: a secret that is part of a host's
 * name must not change lookups.
 */
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

interface Parts extends Partial<Pick<StepFinished, 'step' | 'changes' | 'before' | 'warnings' | 'failure'>> {
  readonly inFlight?: unknown
}

/**
 * Masks every secret in the texts and data of an event.
 *
 * @param change masks its differences
 */
export function maskEvent<E extends Partial<Event>>(secrets: Secrets, event: E, change = maskChange): E {
  const masked: E & Parts = secrets.mask(event)
  const { step, inFlight, changes, before } = event as Parts
  const { warnings, failure } = masked
  if (masked === event && changes === undefined && warnings === undefined && failure === undefined) return event
  return {
    ...masked,
    ...picked(event, OF_EVENT),
    ...(changes === undefined ? {} : { changes: changes.map((one) => change(secrets, one)) }),
    ...(before === undefined ? {} : { before: maskSnapshot(secrets, before) }),
    ...(warnings === undefined ? {} : { warnings: warnings.map(hideCredentials) }),
    ...(failure === undefined ? {} : { failure: maskFailure(failure) }),
    ...(step === undefined ? {} : { step: maskStep(secrets, step) }),
    ...(Array.isArray(inFlight)
      ? { inFlight: inFlight.map((one: StepRef | { step: StepRef }) => maskFlying(secrets, one)) }
      : {}),
  }
}

/** Hides credentials in URLs that a program or a library quotes in its message. */
const maskFailure = (failure: FailureInfo): FailureInfo => ({
  ...failure,
  ...Object.fromEntries(
    (['what', 'why', 'help', 'stderr'] as const).flatMap((name) =>
      failure[name] === undefined ? [] : [[name, hideCredentials(failure[name])]],
    ),
  ),
})

/** Masks an error that ends a run before or instead of its report. */
export const maskThrown = (secrets: Secrets, error: unknown): unknown => {
  if (!(error instanceof Failure)) return error
  const { message, kind, why, help, stderr, data, cause } = error
  const texts = secrets.mask({ why, help, stderr, data })
  return new Failure(hideCredentials(secrets.mask(message)), {
    kind,
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined)),
    cause,
  })
}

const maskStep = (secrets: Secrets, step: StepRef): StepRef => ({ ...secrets.mask(step), ...picked(step, OF_STEP) })

const maskFlying = (secrets: Secrets, one: StepRef | { readonly step: StepRef }): object =>
  'step' in one ? { ...secrets.mask(one), step: maskStep(secrets, one.step) } : maskStep(secrets, one)

const picked = (from: object, keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)))
