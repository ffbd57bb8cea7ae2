import { EXIT } from '../events/exit.ts'
import { oneLine } from '../base/screen.ts'
import { selected } from '../state/task-context.ts'
import type { Item } from '../language/playbook/types.ts'
import { loadInputs } from './inputs.ts'
import type { AnyModule } from '../module.ts'
import type { Request, Which } from '../events/request.ts'
import { showDiagnostics } from './diagnostics.ts'
import type { World } from '../world.ts'

/**
 * `--list-hosts` and `--list-tasks`: lists the hosts and tasks of the playbook, without connecting to anything.
 *
 * @returns the exit code; undefined if neither option is given
 */
export async function list(
  request: Request,
  wanted: { readonly listHosts?: boolean; readonly listTasks?: boolean },
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<number | undefined> {
  if (!wanted.listHosts && !wanted.listTasks) return undefined
  const { inputs, sources, diagnostics } = await loadInputs(request, world, modules)
  showDiagnostics(diagnostics, sources, world)
  if (inputs === undefined) return EXIT.input
  for (const { play, hosts, batches } of inputs.plays) {
    world.stdout.write(`${oneLine(play.name.value)}\n`)
    if (wanted.listHosts) {
      for (const [index, batch] of batches.entries()) {
        const label = batches.length > 1 ? `batch ${index + 1}: ` : ''
        world.stdout.write(batch.map((host) => `  ${label}${oneLine(host)}\n`).join(''))
      }
      if (hosts.length === 0) world.stdout.write('  no host\n')
    }
    if (wanted.listTasks) world.stdout.write(taskLines(play.tasks, play.tags, request.which, '  ').join(''))
  }
  return EXIT.done
}

function taskLines(items: readonly Item[], outer: readonly string[], which: Which, indent: string): string[] {
  return items.flatMap((item) => {
    const tags = [...outer, ...item.tags]
    const shown = tags.length === 0 ? '' : `   [${tags.join(', ')}]`
    if (item.kind === 'block') {
      const parts = [...item.block, ...item.rescue, ...item.always]
      return [`${indent}${oneLine(item.name?.value ?? 'block')}\n`, ...taskLines(parts, tags, which, `${indent}  `)]
    }
    if (!selected(tags, which)) return []
    return [
      `${indent}${item.kind === 'meta' ? `meta: ${item.action}` : `${oneLine(item.name.value)} (${item.module})`}${shown}\n`,
    ]
  })
}
