import { createHash } from 'node:crypto'
import { agreedStep } from './engine/agreed.ts'
import { isYes } from './engine/confirm.ts'
import type { AgreedStep } from './engine/run-state.ts'
import { EXIT } from './exit.ts'
import { Failure } from './failure.ts'
import type { Source } from './language/source.ts'
import type { AnyModule } from './module.ts'
import type { Report } from './output/report.ts'
import type { Request } from './request.ts'
import { run } from './run.ts'
import type { World } from './world.ts'

/** A plan on disk: what was asked, every file it was made from, and what each step would do. Good for one apply. */
interface SavedPlan {
  readonly type: 'runbook-plan'
  readonly version: 1
  /** ISO 8601. */
  readonly made: string
  readonly request: Request
  readonly files: Readonly<Record<string, string>>
  readonly steps: Readonly<Record<string, AgreedStep>>
}

/** Eight digits that a colleague can read back: `7c1e-90ab`. */
const shortDigest = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 4)}-${hex.slice(4, 8)}`
}
const usedPath = (digest: string): string => `.runbook/plans/${digest}.used`

/** `plan --out FILE`. The file can hold secrets of the playbook and its inventory: it is for its owner alone. */
export async function planTo(
  file: string,
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<number> {
  let digest: string | undefined
  const code = await run(request, world, modules, {
    keep: async (_inputs, sources, report) => {
      if (report.failures().length > 0) return
      const text = `${JSON.stringify(savedPlan(request, sources, report, world))}\n`
      await world.files.write(file, text, 0o600)
      digest = shortDigest(text)
    },
  })
  if (digest !== undefined)
    world.stderr.write(`\nPlan ${digest} is in ${file}. Apply exactly this, once:  runbook apply ${file}\n`)
  return code
}

const savedPlan = (request: Request, sources: readonly Source[], report: Report, world: World): SavedPlan => ({
  type: 'runbook-plan',
  version: 1,
  made: new Date(world.clock.now()).toISOString(),
  request,
  files: Object.fromEntries(sources.map(({ file, text }) => [file, text])),
  steps: Object.fromEntries(report.finished.map((step) => [step.step.key, agreedStep(step)])),
})

/** The saved plan that a file holds; undefined when it is something else (a playbook). */
async function readPlan(file: string, world: World): Promise<{ plan: SavedPlan; digest: string } | undefined> {
  const content = await world.files.read(file)
  if (content === undefined || content[0] !== '{'.charCodeAt(0)) return undefined
  const text = new TextDecoder().decode(content)
  try {
    const plan = JSON.parse(text) as SavedPlan
    if (plan.type !== 'runbook-plan') return undefined
    if (plan.version !== 1)
      throw new Failure(`${file} was made by a newer runbook`, { kind: 'input', todo: 'make the plan anew' })
    return { plan, digest: shortDigest(text) }
  } catch (error) {
    if (error instanceof Failure) throw error
    return undefined
  }
}

/** `apply FILE` where FILE is a saved plan; undefined where it is a playbook. */
export async function applySaved(
  file: string,
  asked: Pick<Request, 'output' | 'verbose' | 'diff'>,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<number | undefined> {
  const saved = await readPlan(file, world)
  if (saved === undefined) return undefined
  const { plan, digest } = saved
  const used = await world.files.read(usedPath(digest))
  if (used !== undefined) {
    throw new Failure(`plan ${digest} has been applied`, {
      kind: 'refused',
      why: new TextDecoder().decode(used).trim(),
      todo: 'a plan is good for one apply: make a new one',
    })
  }
  world.stderr.write(`Applying plan ${digest}, made ${plan.made}.\n`)
  const request: Request = { ...plan.request, goal: 'apply', output: asked.output, verbose: asked.verbose, diff: asked.diff }
  return run(request, frozen(world, plan.files), modules, {
    agreed: new Map(Object.entries(plan.steps)),
    begin: (id) => world.files.write(usedPath(digest), `run ${id}\n`, 0o600),
  })
}

/** `apply --ask`: shows the plan, asks, and applies exactly that. */
export async function askedApply(request: Request, world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  if (!world.interactive) {
    throw new Failure('`--ask` needs a terminal to ask on', {
      kind: 'input',
      todo: 'keep the plan with `runbook plan … --out FILE`, read it, and `runbook apply FILE`',
    })
  }
  let plan: SavedPlan | undefined
  const code = await run({ ...request, goal: 'plan' }, world, modules, {
    keep: async (_inputs, sources, report) => {
      const { planned, unknown } = report.counts()
      if (report.failures().length === 0 && planned + unknown > 0) plan = savedPlan(request, sources, report, world)
    },
  })
  if (plan === undefined) return code
  if (!isYes(await world.ask('\nApply exactly this? [y]es, [n]o: '))) {
    world.stderr.write('Nothing was done.\n')
    return EXIT.done
  }
  return run(request, frozen(world, plan.files), modules, { agreed: new Map(Object.entries(plan.steps)) })
}

/** The same world, with the files as the plan was made from them. */
const frozen = (world: World, files: SavedPlan['files']): World => ({
  ...world,
  files: {
    ...world.files,
    read: async (path) => (Object.hasOwn(files, path) ? new TextEncoder().encode(files[path]) : world.files.read(path)),
  },
})
