/** Asks the hosts of an inventory who holds their locks. Called by the command who. */

import { describeHolder, type Held, locksOf } from '../locks/lock-holders.ts'
import { mapLimit } from '../base/concurrency.ts'
import { openSession } from '../state/session.ts'
import type { Reachable } from '../hosts/target.ts'
import { EXIT } from '../events/exit.ts'
import { Failure } from '../base/failure.ts'
import { oneLine, pad, width } from '../base/screen.ts'
import { loadInventory } from '../inventory/inventory.ts'
import { matchHosts } from '../inventory/pattern.ts'
import { inventoryPaths } from './inputs.ts'
import { createSecrets } from '../base/secret-values.ts'
import type { As, How, What } from '../events/request.ts'
import { hasErrors, showDiagnostics } from './diagnostics.ts'
import type { World } from '../world.ts'

export interface WhoRequest extends Pick<What, 'inventory'>, Pick<As, 'user'>, Pick<How, 'acceptNewHostKeys' | 'forks'> {
  /** Patterns; none means all hosts of the inventory. */
  readonly hosts: readonly string[]
  readonly json: boolean
}

/** `runbook who`: lists the locks on the hosts and their holders. Exits 3 if a host could not be reached. */
export async function who(asked: WhoRequest, world: World): Promise<number> {
  const { inventory, sources, diagnostics } = await loadInventory(inventoryPaths(asked, world), world, world.cwd)
  const chosen =
    asked.hosts.length === 0
      ? { hosts: [...inventory.hosts.values()].flatMap(({ name, implicit }) => (implicit ? [] : [name])), diagnostics: [] }
      : matchHosts(asked.hosts, inventory)
  const all = [...diagnostics, ...chosen.diagnostics]
  showDiagnostics(all, sources, world)
  if (hasErrors(all)) return EXIT.input

  const abort = new AbortController()
  const stop = world.onInterrupt(() => abort.abort(new Failure('stopped', { kind: 'interrupted' })))
  const session = openSession(world, abort.signal)
  const run: Reachable = {
    playbook: { vars: {} },
    inventory,
    extra: {},
    params: {},
    session,
    secrets: createSecrets(),
    world,
    as: { user: asked.user, become: false, becomeUser: undefined },
    becomePassword: undefined,
    unreachable: new Map(),
    how: asked,
  }
  const held: Held[] = []
  let failed = 0
  try {
    await mapLimit(chosen.hosts, asked.forks, async (host) => {
      try {
        held.push(...(await locksOf(run, { host, become: { wanted: false, user: undefined } })))
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        failed++
        world.stderr.write(
          `${oneLine(`${host}: ${[error.message, error.why].filter((text) => text !== undefined).join(': ')}`)}\n`,
        )
      }
    })
  } finally {
    stop()
    await session.close()
  }
  world.stdout.write(
    asked.json
      ? held.map(({ holder }) => `${JSON.stringify(holder)}\n`).join('')
      : held.length > 0
        ? table(held, world.clock.now())
        : nothing(chosen.hosts.length - failed, failed),
  )
  return failed > 0 ? EXIT.unreachable : EXIT.done
}

/** The text for no locks. A host that did not answer may still be locked. */
const nothing = (answered: number, silent: number): string =>
  silent === 0
    ? 'Nothing is locked.\n'
    : `Nothing is known to be locked: ${answered} of ${answered + silent} hosts answered, and nothing is locked there.\n`

/** One line for each holder: its locks, its description. */
function table(held: readonly Held[], now: number): string {
  const byHolder = new Map<string, { readonly what: Set<string>; readonly who: string }>()
  for (const { holder } of held) {
    const line = byHolder.get(holder.token) ?? { what: new Set(), who: oneLine(describeHolder(holder, now)) }
    line.what.add(oneLine(holder.shared === true ? `${holder.what} (shared)` : holder.what))
    byHolder.set(holder.token, line)
  }
  const lines = [...byHolder.values()].map(({ what, who: text }) => [[...what].toSorted().join(', '), text] as const)
  const wide = Math.max(...lines.map(([what]) => width(what)))
  return lines.map(([what, text]) => `${pad(what, wide)}   held by ${text}\n`).join('')
}
