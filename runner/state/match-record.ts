import type { StepFinished, StepRef } from '../events/events.ts'
import { keyBeside } from '../events/step-address.ts'
import type { Task } from '../language/playbook/types.ts'
import type { Context } from './task-context.ts'
import { type History, replayable } from '../record/history.ts'
import { type HostState, isActive, mayAct, type Run } from './run-state.ts'
import { sameTask, taskPart } from './fingerprint.ts'

/** What the earlier lives of a run know of a step. */
export interface Recorded {
  /** The step, under the key of its record where it has one. */
  readonly step: StepRef
  /** Its end, where that need not come about again. */
  readonly end: StepFinished | undefined
  readonly inFlight: boolean
}

/**
 * The record of a step: the one in its place, where that is of the same step; otherwise one like it that no other step has used. The playbook may
 * have changed, or the list of a loop: what stands in the place of another must neither be passed over nor overwrite what is known of that one.
 */
export function recorded({ history, resumed, secrets }: Run, state: HostState, step: StepRef): Recorded {
  if (history === undefined) return { step, end: undefined, inFlight: false }
  const free = (record: StepRef | undefined) => record !== undefined && !state.replayed.has(record.key)
  const moved = (record: StepRef) => resumed?.changed === true || record.task === step.task
  const inPlace = history.records.get(step.key)
  const besides = keyBeside(step)
  const found =
    inPlace !== undefined && free(inPlace) && agrees(inPlace, step, secrets)
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

/** A journal of before there was `same` says less of what a step was. */
const agrees = (record: StepRef, step: StepRef, secrets: Run['secrets']): boolean =>
  record.same === undefined
    ? record.module === step.module && record.name === secrets.mask(step.name) && record.item === secrets.mask(step.item)
    : record.same === step.same

/**
 * Where a task with `run_once` is done: on the host that it was done on before, whatever has become of that one since, so that it is done once. But
 * where another look is all that it takes, on one that may be looked at.
 */
export function onceOn(run: Run, task: Task, context: Context, hosts: readonly HostState[]): HostState | undefined {
  const { history, resumed } = run
  const active = hosts.filter(isActive)
  const ordinary = active.find((state) => mayAct(run, state)) ?? active[0]
  if (history === undefined) return ordinary
  const part = sameTask(run.secrets, task, context)
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
