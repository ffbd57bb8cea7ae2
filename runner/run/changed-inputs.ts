import type { History } from '../record/history.ts'
import { Failure } from '../base/failure.ts'
import { holdsHidden } from '../base/secret-names.ts'
import type { Request, What } from '../events/request.ts'
import { digestOf, type KeptInputs } from '../record/runs.ts'
import type { World } from '../world.ts'

/**
 * Refuses to resume or undo a run if its playbook, inventory or parameters have changed since it began: both use them as
 * they are now.
 *
 * @param given parameters of this command
 * @throws Failure (refused) that names the changed files and parameters
 */
export async function refuseChangedInputs(
  world: World,
  { started }: History,
  kept: KeptInputs,
  given: What['params'],
): Promise<void> {
  const changed = [...(await changedFiles(world, kept)), ...changedParams(kept.request, started.params, given)]
  if (changed.length === 0) return
  throw new Failure(`the inputs of run ${started.run} have changed`, {
    kind: 'refused',
    why: `changed since: ${changed.join(', ')}`,
    help: 'restore them, or pass --accept-changes to continue with the present ones',
  })
}

/** The files whose digests differ. An input that was read from the command line, not from a file, has a blank in its name. */
async function changedFiles(world: World, { digests }: KeptInputs): Promise<string[]> {
  const changed: string[] = []
  for (const [file, digest] of Object.entries(digests)) {
    const content = await world.files.read(file)
    if (content !== undefined ? digestOf(new TextDecoder().decode(content)) !== digest : !file.includes(' ')) changed.push(file)
  }
  return changed
}

/** @param used the parameters that the run began with, with defaults; secrets are masked */
function changedParams(request: Request, used: Readonly<Record<string, unknown>>, given: What['params']): string[] {
  const before = new Map(request.what.params.map(({ name, text }) => [name, text]))
  const same = (name: string, text: string): boolean => {
    const value = used[name]
    const texts = [before.get(name), String(value), JSON.stringify(value)].filter((one) => one !== undefined)
    return value === undefined || texts.some((one) => one === text || holdsHidden(one))
  }
  return given.filter(({ name, text }) => !same(name, text)).map(({ name }) => `parameter ${name}`)
}

/** The parameters of a resumed run: those of its beginning without secrets (they are not kept), then those given now. */
export function paramsNow(kept: KeptInputs, given: What['params']): What['params'] {
  const params = new Map(kept.request.what.params.filter(({ text }) => !holdsHidden(text)).map(({ name, text }) => [name, text]))
  for (const { name, text } of given) params.set(name, text)
  return [...params].map(([name, text]) => ({ name, text }))
}
