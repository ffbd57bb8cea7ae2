import type { History } from '../record/history.ts'
import { Failure } from '../base/failure.ts'
import { holdsHidden } from '../base/secret-names.ts'
import type { Request, What } from '../events/request.ts'
import { digestOf, type KeptInputs } from '../record/runs.ts'
import type { World } from '../world.ts'

/**
 * Whoever goes on with a run, or takes it back, does it by its playbook and inventory, as they are now.
 *
 * @param given parameters of this command
 * @throws Failure (refused) that names what is not as it was when the run began
 */
export async function refuseChangedInputs(
  world: World,
  { started }: History,
  kept: KeptInputs,
  given: What['params'],
): Promise<void> {
  const changed = [...(await changedFiles(world, kept)), ...changedParams(kept.request, started.params, given)]
  if (changed.length === 0) return
  throw new Failure(`run ${started.run} was started with something else`, {
    kind: 'refused',
    why: `changed since: ${changed.join(', ')}`,
    todo: 'put it back, or say --accept-changes to go on with what is there now',
  })
}

/** What was read from no file (a word of the command line) has a blank in its name. */
async function changedFiles(world: World, { digests }: KeptInputs): Promise<string[]> {
  const changed: string[] = []
  for (const [file, digest] of Object.entries(digests)) {
    const content = await world.files.read(file)
    if (content !== undefined ? digestOf(new TextDecoder().decode(content)) !== digest : !file.includes(' ')) changed.push(file)
  }
  return changed
}

/** @param used the values that the run began with, defaults among them; secrets are masked */
function changedParams(request: Request, used: Readonly<Record<string, unknown>>, given: What['params']): string[] {
  const before = new Map(request.what.params.map(({ name, text }) => [name, text]))
  const same = (name: string, text: string): boolean => {
    const value = used[name]
    const texts = [before.get(name), String(value), JSON.stringify(value)].filter((one) => one !== undefined)
    return value === undefined || texts.some((one) => one === text || holdsHidden(one))
  }
  return given.filter(({ name, text }) => !same(name, text)).map(({ name }) => `parameter ${name}`)
}

/** Parameters of a run that goes on: those it began with, but for secrets, which are not kept, and those given now. */
export function paramsNow(kept: KeptInputs, given: What['params']): What['params'] {
  const params = new Map(kept.request.what.params.filter(({ text }) => !holdsHidden(text)).map(({ name, text }) => [name, text]))
  for (const { name, text } of given) params.set(name, text)
  return [...params].map(([name, text]) => ({ name, text }))
}
