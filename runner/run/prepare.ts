/** Loads the inputs, asks for passwords and collects the secrets of a run. Called by `run.ts`. */
import { EXIT } from '../events/exit.ts'
import { Failure } from '../base/failure.ts'
import type { AnyModule } from '../module.ts'
import { knownPasswords } from '../hosts/connection-vars.ts'
import type { Request } from '../events/request.ts'
import { createSecrets, type Secrets, SHORTEST } from '../base/secret-values.ts'
import { unasked } from '../plan/confirm.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import type { Source } from '../source/source.ts'
import type { World } from '../world.ts'
import { showDiagnostics } from './diagnostics.ts'
import { isSecret } from '../language/params/params.ts'
import { type Inputs, loadInputs } from './inputs.ts'

/** The needs of a run before its first connection. */
export interface Ready {
  readonly inputs: Inputs
  readonly sources: readonly Source[]
  readonly secrets: Secrets
  readonly becomePassword: string | undefined
}

/**
 * @param agreed true if a saved plan is applied: its questions were answered when it was made
 * @returns the exit code if the run must not begin; the reasons have been shown
 */
export async function prepare(
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
  agreed: boolean,
): Promise<Ready | number> {
  const { inputs, sources, diagnostics } = await loadInputs(request, world, modules)
  showDiagnostics(diagnostics, sources, world)
  if (inputs === undefined) return EXIT.input
  const nobody = request.goal === 'apply' && !request.how.yes && !agreed && !world.interactive
  const questions = nobody ? unasked(inputs.plays, request.which) : []
  showDiagnostics(questions, sources, world)
  if (questions.length > 0) return EXIT.refused
  if (request.which.step && !world.interactive)
    throw new Failure('`--step` needs a terminal to ask on', {
      kind: 'input',
      help: 'leave `--step` out, or run it on a terminal',
    })
  const becomePassword = request.how.askBecomePass ? await askBecomePassword(world) : undefined
  const { secrets, warnings } = secretsOf(inputs, becomePassword)
  showDiagnostics(warnings, sources, world)
  return { inputs, sources, secrets, becomePassword }
}

async function askBecomePassword(world: World): Promise<string> {
  const password = await world.ask('BECOME password: ', { secret: true })
  if (password !== undefined) return password
  throw new Failure('`--ask-become-pass` needs a terminal to ask on', {
    kind: 'input',
    help: 'set `ansible_become_password` in the inventory, or configure sudo without a password',
  })
}

/** The values to mask, and warnings about parts too short to mask. A warning points to no place, as the line can hold the value. */
function secretsOf(
  inputs: Inputs,
  becomePassword: string | undefined,
): { readonly secrets: Secrets; readonly warnings: readonly Diagnostic[] } {
  const { playbook, params } = inputs
  const secrets = createSecrets()
  const values = [
    ...Object.values(playbook.params)
      .filter(isSecret)
      .map(({ name }) => [`the secret parameter \`${name}\``, params[name]] as const),
    ['a password of the inventory', knownPasswords(inputs)] as const,
    ['the BECOME password', becomePassword] as const,
  ]
  const warnings = values
    .filter(([, value]) => !secrets.add(value))
    .map(([name]) => ({
      severity: 'warning' as const,
      summary: `${name} is not masked in all its parts`,
      notes: [`parts with fewer than ${SHORTEST} characters, and true or false, stay readable on the screen and in the journal`],
    }))
  return { secrets, warnings }
}
