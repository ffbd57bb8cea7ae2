import { Failure } from '../base/failure.ts'
import type { AttemptInput } from './attempt.ts'
import { failed, isReversible, type Prepared } from '../state/attempt-result.ts'

/**
 * What a resumed run does with a step of whose end nothing is known. Where the check sees what is (a file, a migration in flight) its
 * answer decides. Where it cannot (a command), `on_resume` or the operator must: it is never run a second time by assumption.
 */
export async function decideInFlight({ run, task, step, state }: AttemptInput, prepared: Prepared): Promise<Prepared> {
  const policy = task.onResume
  if (prepared.kind === 'settled') return prepared
  // It counts as done: nothing is applied, and what would have followed from it follows.
  const { module, diff } = prepared
  const done: Prepared = {
    kind: 'settled',
    attempt: {
      kind: 'done',
      changed: true,
      changes: diff.changes,
      warnings: [],
      reversible: isReversible(module, diff, task),
      result: diff.result ?? {},
    },
  }
  // Nothing is left to do: it was this run that did it, and what follows from a change has not followed yet.
  if (diff.changes.length === 0) return done
  if (policy === 'rerun') return prepared
  if (policy === 'skip') return done
  if (policy === 'verify' && diff.blind !== true) return prepared
  const question = `${step.name} on ${state.name} was in flight when the run was cut off. Has it been done? [y]es, pass over it; [n]o, run it: `
  const answer = (await run.ask(question))?.trim().toLowerCase()
  if (answer === 'y' || answer === 'yes') return done
  if (answer === 'n' || answer === 'no') return prepared
  const failure = new Failure(`${step.name} was in flight when the run was cut off, and nothing tells whether it has been done`, {
    kind: 'refused',
    todo: `look at ${state.name}; then give the task \`on_resume: skip\` or \`on_resume: rerun\` and resume with --accept-changes, or resume on a terminal, where you are asked`,
  })
  return { kind: 'settled', attempt: failed(failure) }
}
