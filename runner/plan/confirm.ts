/** Asks what a `confirm` asks, and finds the questions that nobody is there to answer. Called by the engine and run/prepare.ts. */
import type { StepFinished, StepRef } from '../events/events.ts'
import { Failure } from '../base/failure.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import { placeOfNode } from '../source/yaml.ts'
import type { Task } from '../language/playbook/types.ts'
import type { Node } from '../source/source.ts'
import { render } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import { planCovers } from './guard.ts'
import { selectedTasks, type TagSelection } from '../state/task-context.ts'
import type { PlayHosts } from '../hosts/play-hosts.ts'
import type { Run } from '../state/run-state.ts'
import { textOf } from '../state/step-ref.ts'

interface Asked {
  readonly run: Run
  readonly task: Task
  readonly scope: Scope
  readonly step: StepRef
}

/**
 * Asks the question of a task's `confirm` before the task's first change: once for all hosts and items with the
 * same text. A no stops the run. Throws `Failure`: refused, or interrupted at Ctrl-C.
 */
export async function confirmed({ run, task, scope, step }: Asked): Promise<void> {
  if (task.confirm === undefined || run.how.yes || planCovers(run, step)) return
  const text = questionOf(task.confirm, scope)
  const key = `${task.id} ${text}`
  const answer = run.confirmations.get(key) ?? run.ask(`${step.name}: ${text}\nContinue? [y]es, [n]o: `)
  run.confirmations.set(key, answer)
  const agreed = isYes(await answer)
  if (run.control.interrupted)
    throw new Failure('the operator interrupted the run at this question', {
      kind: 'interrupted',
      why: text,
      help: 'resume the run to be asked again',
    })
  if (agreed) return
  run.control.stopping = true
  throw new Failure('the operator declined', {
    kind: 'refused',
    why: text,
    help: 'resume the run to be asked again',
  })
}

/** Renders the question for one host and item. */
export const questionOf = (confirm: Node<string>, scope: Scope): string => {
  const text = render(confirm, scope)
  return text instanceof Unknown ? confirm.value : String(text)
}

/**
 * The properties of a step that a plan shows even if the step's differences are unknown: the operator must see them
 * before agreeing.
 */
export function forecast({ modules }: Run, task: Task, scope: Scope): Pick<StepFinished, 'reversible' | 'confirm'> {
  const module = modules.get(task.module)
  if (module?.apply === undefined) return { reversible: true }
  return {
    reversible: module.undo !== undefined || task.undo.length > 0,
    ...(task.confirm === undefined ? {} : { confirm: textOf(task.confirm, scope) }),
  }
}

export const isYes = (answer: string | undefined): boolean => /^y(?:es)?$/i.test(answer?.trim() ?? '')

/** Refuses a run with questions that nobody can answer: returns an error for the first task with `confirm`. */
export function unasked(plays: readonly PlayHosts[], which: TagSelection): Diagnostic[] {
  const asking = plays
    .filter(({ hosts }) => hosts.length > 0)
    .flatMap(({ play }) => [...selectedTasks(play.tasks, play.tags, which), ...play.handlers])
    .flatMap(({ confirm }) => (confirm === undefined ? [] : [confirm]))
  return asking.slice(0, 1).map((confirm) => ({
    severity: 'error',
    summary: '`confirm` needs a terminal to ask on: nothing was done',
    place: placeOfNode(confirm),
    notes: ['pass `--yes`, or apply a plan that was saved with `plan --out`'],
  }))
}
