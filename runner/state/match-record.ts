/** Finds the record of a step in the journal of a resumed run. Called by `engine/step.ts` and `engine/task.ts`. */
import type { StepFinished, StepRef } from '../events/events.ts'
import { keyBeside } from '../events/step-address.ts'
import type { Task } from '../language/playbook/types.ts'
import type { Context } from './task-context.ts'
import { type History, replayable } from '../record/history.ts'
import { type HostState, isActive, mayAct, type Run } from './run-state.ts'
import { taskFingerprint, taskPart } from './fingerprint.ts'

/** The record of a step from the earlier lives of its run. */
export interface Recorded {
  /** The step, under the key of its record if there is one. */
  readonly step: StepRef
  /** The recorded end, if the step need not run again. */
  readonly end: StepFinished | undefined
  readonly inFlight: boolean
}

/**
 * Matches a step with its record: the record at the step's position if the fingerprints are the same, otherwise a free
 * record with the same fingerprint. The playbook or the list of a loop may have changed: a step at the position of another
 * must neither be skipped nor overwrite the other's record.
 */
export function matchRecord({ history, resumed, secrets }: Run, state: HostState, step: StepRef): Recorded {
  if (history === undefined) return { step, end: undefined, inFlight: false }
  const free = (record: StepRef | undefined) => record !== undefined && !state.replayed.has(record.key)
  const moved = (record: StepRef) => resumed?.changed === true || record.task === step.task
  const inPlace = history.records.get(step.key)
  const besides = keyBeside(step)
  const found =
    inPlace !== undefined && free(inPlace) && isOf(inPlace, step, secrets)
      ? inPlace
      : (history.records.get(besides) ?? alike(history, step).find((record) => free(record) && moved(record)))
  if (found === undefined) {
    return { step: inPlace === undefined ? step : { ...step, key: besides }, end: undefined, inFlight: false }
  }
  state.replayed.add(found.key)
  const { key } = found
  return { step: { ...step, key }, end: state.stale ? undefined : replayable(history, key), inFlight: history.inFlight.has(key) }
}

const alike = (history: History, { host, same = '' }: StepRef): readonly StepRef[] =>
  (history.byTask.get(`${host} ${taskPart(same)}`) ?? []).filter((record) => record.same === same)

/** Older journals have no fingerprint (`same`): their steps are compared by module, name and item. */
const isOf = (record: StepRef, step: StepRef, secrets: Run['secrets']): boolean =>
  record.same === undefined
    ? record.module === step.module && record.name === secrets.mask(step.name) && record.item === secrets.mask(step.item)
    : record.same === step.same

/**
 * Picks the host of a `run_once` task: the one that already ran it, even if that host has failed since. If the task must
 * run again, an active host is picked that may be acted on.
 */
export function onceOn(run: Run, task: Task, context: Context, hosts: readonly HostState[]): HostState | undefined {
  const { history, resumed } = run
  const active = hosts.filter(isActive)
  const ordinary = active.find((state) => mayAct(run, state)) ?? active[0]
  if (history === undefined) return ordinary
  const part = taskFingerprint(run.secrets, task, context)
  const before = hosts.find((state) => {
    const records = [
      ...(history.byTask.get(`${state.name} ${part}`) ?? []).filter(
        (record) => resumed?.changed === true || record.task === task.id,
      ),
      ...(history.byTask.get(`${state.name} `) ?? []).filter((record) => record.task === task.id),
    ]
    const stands = ({ key }: StepRef) => history.inFlight.has(key) || replayable(history, key) !== undefined
    return isActive(state) && mayAct(run, state) ? records.some(stands) : records.length > 0 && records.every(stands)
  })
  return before ?? ordinary
}
