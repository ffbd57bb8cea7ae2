import { Failure } from '../base/failure.ts'
import type { AttemptInput } from './prepare.ts'
import { failed, isReversible, type Prepared } from '../state/attempt-result.ts'

/**
 * Decides how a resumed run treats a step whose end is unknown. If the check can see the state (a file, a migration in
 * flight), its answer decides. If not (a command), `on_resume` or the operator decides: no step is run twice by assumption.
 */
export async function decideInFlight({ run, task, step, state }: AttemptInput, prepared: Prepared): Promise<Prepared> {
  const policy = task.onResume
  if (prepared.kind === 'settled') return prepared
  // The step counts as done: nothing is applied, and its consequences (handlers, registered value) follow.
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
  // No difference remains: this run made the change, and its consequences have not followed yet.
  if (diff.changes.length === 0) return done
  if (policy === 'rerun') return prepared
  if (policy === 'skip') return done
  if (policy === 'verify' && diff.undetectable !== true) return prepared
  const question = `${step.name} on ${state.name} was in flight when the run was interrupted. Has it been done? [y]es, skip it; [n]o, run it: `
  const answer = (await run.ask(question))?.trim().toLowerCase()
  if (answer === 'y' || answer === 'yes') return done
  if (answer === 'n' || answer === 'no') return prepared
  const failure = new Failure(`${step.name} was in flight when the run was interrupted, and its outcome is unknown`, {
    kind: 'refused',
    help: `look at ${state.name}; then set \`on_resume: skip\` or \`on_resume: rerun\` on the task and resume with --accept-changes, or resume on a terminal to be asked`,
  })
  return { kind: 'settled', attempt: failed(failure) }
}
