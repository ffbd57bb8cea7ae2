/** Saves plans in files, and applies each of them once. Called by the commands plan and apply. */

import { createHash } from 'node:crypto'
import { plannedStep } from '../plan/guard.ts'
import { isYes } from '../plan/confirm.ts'
import type { PlannedStep } from '../state/run-state.ts'
import { EXIT } from '../events/exit.ts'
import { Failure } from '../base/failure.ts'
import { onScreen } from '../base/screen.ts'
import type { AnyModule } from '../module.ts'
import { readRequest, type Request } from '../events/request.ts'
import { type Ran, run, runAndReport } from './run.ts'
import type { World } from '../world.ts'

/** Older versions: in 1 the request had no parts; in 2 a difference had one text in place of resource and property. */
const VERSION = 3

/** A plan on disk: the request, every file that it was made from, and the changes of each step. Good for one apply. */
interface SavedPlan {
  readonly type: 'runbook-plan'
  readonly version: number
  /** ISO 8601. */
  readonly made: string
  readonly request: Request
  readonly files: Readonly<Record<string, string>>
  readonly steps: Readonly<Record<string, PlannedStep>>
}

/** Eight digits that a colleague can read back: `7c1e-90ab`. */
const shortDigest = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 4)}-${hex.slice(4, 8)}`
}
/** The mark that a plan file was applied, seen from every folder. The digest tells a plan from one written over it later. */
const markBeside = (file: string, digest: string): string => `${file}.${digest}.used`
/** The mark that keeps copies of the file from being applied too. */
const markHere = (digest: string): string => `.runbook/plans/${digest}.used`

/** The file name that means standard output. */
const STDOUT = '-'

/**
 * `plan --out FILE`: saves the plan. The file can hold secrets of the playbook and its inventory, so only its owner may read
 * it. With `-` the plan goes to standard output, and the page for people to standard error.
 */
export async function planTo(
  file: string,
  request: Request,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<number> {
  const { stdout, stderr, files } = world
  if (file !== STDOUT) await mustBeReplaceable(file, world)
  const ran = await runAndReport(request, file === STDOUT ? { ...world, stdout: stderr } : world, modules)
  if (!wentThrough(ran)) return ran.code
  const text = onScreen(`${JSON.stringify(savedPlan(request, ran, world))}\n`)
  if (file === STDOUT) stdout.write(text)
  else {
    await mustBeReplaceable(file, world)
    await files.write(file, text, 0o600)
  }
  const [where, name] = file === STDOUT ? ['was written to standard output', 'FILE'] : [`is in ${file}`, file]
  stderr.write(`\nPlan ${shortDigest(text)} ${where}. Apply exactly this, once:  runbook apply ${name}\n`)
  return ran.code
}

const NOT_REPLACED = { directory: 'a folder', link: 'a symbolic link', other: 'a device, a pipe or a socket' } as const

/** Refuses a name that is not a regular file: the plan would replace it, as root even a device. */
async function mustBeReplaceable(file: string, { files }: World): Promise<void> {
  const there = await files.entry(file)
  if (there === undefined || there === 'file') return
  throw new Failure(`a plan cannot replace ${file}`, {
    kind: 'input',
    why: `it is ${NOT_REPLACED[there]}`,
    help: 'name a regular file or a new one, or `-` for standard output',
  })
}

/** Says whether the plan is complete: a plan that failed or was interrupted is not. */
const wentThrough = (ran: Ran): ran is Required<Ran> =>
  ran.report !== undefined && (ran.code === EXIT.done || ran.code === EXIT.changes)

const savedPlan = (request: Request, { sources, report }: Required<Ran>, world: World): SavedPlan => ({
  type: 'runbook-plan',
  version: VERSION,
  made: new Date(world.clock.now()).toISOString(),
  request,
  files: Object.fromEntries(sources.map(({ file, text }) => [file, text])),
  steps: Object.fromEntries(report.finished.map((step) => [step.step.key, plannedStep(step)])),
})

/** Reads a saved plan; undefined if the file is something else (a playbook). */
async function readPlan(file: string, world: World): Promise<{ plan: SavedPlan; digest: string } | undefined> {
  const content = (await world.files.kind(file)) === 'file' ? await world.files.read(file) : undefined
  if (content === undefined || content[0] !== '{'.charCodeAt(0)) return undefined
  const text = new TextDecoder().decode(content)
  try {
    const plan = JSON.parse(text) as SavedPlan
    if (plan.type !== 'runbook-plan') return undefined
    if (plan.version !== VERSION)
      throw new Failure(`${file} was made by ${plan.version > VERSION ? 'a newer' : 'an older'} runbook`, {
        kind: 'input',
        why: `it is of version ${plan.version}, and this runbook applies version ${VERSION}`,
        help: 'make a new plan',
      })
    return { plan: { ...plan, request: readRequest(plan.request) }, digest: shortDigest(text) }
  } catch (error) {
    if (error instanceof Failure) throw error
    return undefined
  }
}

/** The use of a saved plan that the command line asks for. */
export interface AskedOfPlan {
  readonly file: string
  readonly request: Request
  /** Show the plan and ask, before applying it. */
  readonly ask: boolean
  /** The given options as they were written, by their names. */
  readonly given: ReadonlyMap<string, string>
}

/** Applies a saved plan (`apply FILE`), or checks it for drift (`plan FILE`). Returns undefined if FILE is a playbook. */
export async function applySaved(
  { file, request: asked, ask, given }: AskedOfPlan,
  world: World,
  modules: ReadonlyMap<string, AnyModule>,
): Promise<number | undefined> {
  const saved = await readPlan(file, world)
  if (saved === undefined) return undefined
  const { plan, digest } = saved
  refuseOptions(file, asked, given)
  const marks = [markBeside(file, digest), markHere(digest)]
  for (const mark of marks) await refuseUsed(digest, mark, world)
  const own = frozen(world, plan.files)
  // An omitted option keeps its value from when the plan was made.
  const how = Object.fromEntries(Object.entries(asked.how).filter(([name]) => given.has(name)))
  const request: Request = { ...plan.request, how: { ...plan.request.how, ...how }, show: asked.show }
  const plannedSteps = new Map(Object.entries(plan.steps))
  if (asked.goal === 'plan' || ask) {
    if (ask) mustBeInteractive(world)
    world.stderr.write(`Plan ${digest}, made ${plan.made}, against the present state:\n\n`)
    const code = await run({ ...request, goal: 'plan' }, own, modules, { plannedSteps })
    const stands = code === EXIT.done || code === EXIT.changes
    world.stderr.write(`\nPlan ${digest} would ${stands ? 'still be applied as it is' : 'be refused: make a new plan'}.\n`)
    if (asked.goal === 'plan' || !stands || !(await agreedTo(world))) return code
  }
  world.stderr.write(`Applying plan ${digest}, made ${plan.made}.\n`)
  return run({ ...request, goal: 'apply' }, own, modules, {
    plannedSteps,
    begin: async (id) => {
      for (const mark of marks) await markUsed(digest, mark, id, world)
    },
  })
}

/** Refuses options that the saved plan holds itself. Only the way of applying and showing may be chosen anew. */
function refuseOptions(file: string, { how, show }: Request, given: AskedOfPlan['given']): void {
  // `--check` and `--ask` choose between showing and applying the plan.
  const free = new Set([...Object.keys(how), ...Object.keys(show), 'check', 'ask'])
  const refused = [...given].flatMap(([name, written]) => (free.has(name) ? [] : [`\`${written}\``]))
  if (refused.length === 0) return
  throw new Failure(`${refused.join(', ')} cannot be given with a saved plan`, {
    kind: 'input',
    why: `${file} holds its own playbook, inventory, parameters and choice of hosts and tasks`,
    help: 'omit it, or make a new plan with it',
  })
}

/** Refuses early, before anything is read or locked. The mark itself is made later, by `markUsed`. */
async function refuseUsed(digest: string, mark: string, world: World): Promise<void> {
  if ((await world.files.read(mark)) !== undefined) throw await usedBy(digest, mark, world)
}

const usedBy = async (digest: string, mark: string, world: World): Promise<Failure> =>
  new Failure(`plan ${digest} has been applied`, {
    kind: 'refused',
    why: `${mark}: ${new TextDecoder().decode(await world.files.read(mark)).trim()}`,
    help: 'a plan can be applied once: make a new one',
  })

/** Marks the plan as applied. Called when the locks are held: of several runs that apply the same plan, one makes the mark. */
async function markUsed(digest: string, mark: string, run: string, world: World): Promise<void> {
  let made: boolean
  try {
    made = await world.files.create(mark, `run ${run} of ${world.operator}\n`, 0o644)
  } catch (error) {
    throw new Failure(`plan ${digest} cannot be marked as applied, so nothing was done`, {
      kind: 'refused',
      why: error instanceof Error ? error.message : String(error),
      help: `${mark} must be writable: copy the plan to a folder that is`,
      cause: error,
    })
  }
  if (!made) throw await usedBy(digest, mark, world)
}

/** `apply --ask`: shows the plan, asks, and applies exactly that plan. */
export async function askedApply(request: Request, world: World, modules: ReadonlyMap<string, AnyModule>): Promise<number> {
  mustBeInteractive(world)
  const ran = await runAndReport({ ...request, goal: 'plan' }, world, modules)
  if (!wentThrough(ran)) return ran.code
  const { planned, unknown } = ran.report.counts()
  if (planned + unknown === 0 || !(await agreedTo(world))) return ran.code
  const plan = savedPlan(request, ran, world)
  return run(request, frozen(world, plan.files), modules, { plannedSteps: new Map(Object.entries(plan.steps)) })
}

function mustBeInteractive(world: World): void {
  if (world.interactive) return
  throw new Failure('`--ask` needs a terminal to ask on', {
    kind: 'input',
    help: 'save the plan with `runbook plan … --out FILE`, read it, then run `runbook apply FILE`',
  })
}

async function agreedTo(world: World): Promise<boolean> {
  const agreed = isYes(await world.ask('\nApply exactly this? [y]es, [n]o: '))
  if (!agreed) world.stderr.write('Nothing was done.\n')
  return agreed
}

/** The same world, with the files of the plan as they were. */
const frozen = (world: World, files: SavedPlan['files']): World => ({
  ...world,
  files: {
    ...world.files,
    read: async (path) => (Object.hasOwn(files, path) ? new TextEncoder().encode(files[path]) : world.files.read(path)),
  },
})
