/** Hides secrets in events and failures before they are shown or kept. Called by run/recorder.ts and run/run.ts. */
import { Failure } from '../base/failure.ts'
import { hideCredentials } from '../base/secret-names.ts'
import type { Secrets } from '../base/secret-values.ts'
import type { Event, FailureInfo, StepFinished, StepRef } from './events.ts'
import { maskChange, maskSnapshot } from './mask-change.ts'

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

interface Parts extends Partial<Pick<StepFinished, 'step' | 'changes' | 'before' | 'warnings' | 'failure'>> {
  readonly inFlight?: unknown
}

/**
 * An event as it may be shown and kept: every secret in its texts and data is masked.
 *
 * @param change what becomes of its differences
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

/** What a program or a library says may quote a URL as it was given. */
const maskFailure = (failure: FailureInfo): FailureInfo => ({
  ...failure,
  ...Object.fromEntries(
    (['what', 'why', 'todo', 'stderr'] as const).flatMap((name) =>
      failure[name] === undefined ? [] : [[name, hideCredentials(failure[name])]],
    ),
  ),
})

/** What ends a run before or instead of its report. */
export const maskThrown = (secrets: Secrets, error: unknown): unknown => {
  if (!(error instanceof Failure)) return error
  const { message, kind, why, todo, stderr, data, cause } = error
  const texts = secrets.mask({ why, todo, stderr, data })
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
