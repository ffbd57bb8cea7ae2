/** Resources, and the modules that are made of them: check, apply, undo and what drift and saved plans compare follow from what a module owns. */
import {
  type Address,
  type Change,
  type Diff,
  type Module,
  type ModuleHead,
  type ObjectSchema,
  type Result,
  type Snapshot,
  type Target,
  type TypeOf,
} from '../../../runner/module.ts'

/** One thing that a module owns. `State` is what it was before, all that `restore` needs; JSON. */
export interface Resource<State = any> {
  /** Told apart from all others of the module by it, whatever is there. */
  readonly address: Address
  /** Finds what is there and what differs. Reads only. */
  look(target: Target): Promise<Look<State>>
  /** Makes it as it should be. Called only if `look` found a change. What it returns is merged into the step's result. */
  make(target: Target, state: State): Promise<Result | void>
  /** Puts it back as it was. Called again after an undo that was cut off: what is restored already stays. */
  restore(target: Target, state: State): Promise<void>
  /** How it was, in words that tell no secret; undefined if that is too much to tell. */
  describe(state: State): Snapshot | undefined
  /** How it is now, as far as `restore` would change it, in the words of `describe`. Default: another look, described. */
  observe?(target: Target, state: State): Promise<Snapshot>
  /** What is still not as it should be, after `make`, if another look cannot tell: a restart is always wanted. */
  remaining?(target: Target, state: State): Promise<readonly Change[]>
  /** It only makes other changes take effect (a restart): it is restored after all others. */
  readonly activates?: boolean
}

/** What a look at a resource found. */
export interface Look<State> extends Pick<Diff<State>, 'changes' | 'result' | 'warnings' | 'locks' | 'irreversible'> {
  readonly state: State
}

/** Of each resource that differs, what `restore` needs. */
type Kept = readonly { readonly address: Address; readonly state: unknown }[]

/** What a module of resources declares. */
interface Declared<S extends ObjectSchema, P = TypeOf<S>> extends ModuleHead<S, P> {
  /** In the order in which they are made; they are restored in the reverse. Nothing but the parameters decides which they are. */
  resources(params: P, host: string): readonly Resource[]
  /** What `register` gets in any case. */
  result?(params: P): Result
}

/** A module that does nothing but make its resources as they should be. */
export function resourceModule<const S extends ObjectSchema>(declared: Declared<S>): Module<S, Kept> {
  const { resources, result, ...about } = declared
  const kept = (params: TypeOf<S>, before: Kept, { host }: Pick<Target, 'host'>) => {
    const states = new Map(before.map(({ address, state }) => [keyOf(address), state]))
    return resources(params, host).flatMap((resource) => {
      const key = keyOf(resource.address)
      return states.has(key) ? [{ resource, state: states.get(key) }] : []
    })
  }
  return {
    ...about,
    async check(params, target) {
      const looks = await Promise.all(
        resources(params, target.host).map(async (resource) => ({ resource, ...(await resource.look(target)) })),
      )
      const differing = looks.filter(({ changes }) => changes.length > 0)
      const described = differing.map(({ resource, state }) => resource.describe(state))
      const irreversible = differing.flatMap((look) => look.irreversible ?? []).join('; ')
      return {
        changes: differing.flatMap(({ changes }) => changes),
        before: differing.map(({ resource, state }) => ({ address: resource.address, state })),
        result: merged([result?.(params), ...looks.map((look) => look.result)]),
        warnings: looks.flatMap(({ warnings }) => warnings ?? []),
        locks: looks.flatMap(({ locks }) => locks ?? []),
        ...(described.length > 0 && described.every((one) => one !== undefined) ? { snapshot: described.flat() } : {}),
        ...(differing.length > 0 && differing.every(({ resource }) => resource.activates) ? { activates: true as const } : {}),
        ...(irreversible === '' ? {} : { irreversible }),
      }
    },
    async apply(params, { before }, target) {
      const results: (Result | void)[] = []
      for (const { resource, state } of kept(params, before, target)) results.push(await resource.make(target, state))
      return merged(results)
    },
    async verify(params, { before }, target) {
      const states = new Map(kept(params, before, target).map(({ resource, state }) => [keyOf(resource.address), state]))
      const changes = resources(params, target.host).map(async (resource) => {
        const key = keyOf(resource.address)
        return resource.remaining !== undefined && states.has(key)
          ? resource.remaining(target, states.get(key))
          : (await resource.look(target)).changes
      })
      return (await Promise.all(changes)).flat()
    },
    async undo(params, before, target) {
      const own = kept(params, before, target).toReversed()
      const last = ({ resource }: (typeof own)[number]) => resource.activates === true
      for (const { resource, state } of [...own.filter((one) => !last(one)), ...own.filter(last)])
        await resource.restore(target, state)
    },
    async observe(params, before, target) {
      const now = kept(params, before, target).map(async ({ resource, state }) =>
        resource.observe === undefined ? resource.describe((await resource.look(target)).state) : resource.observe(target, state),
      )
      return (await Promise.all(now)).flatMap((one) => one ?? [])
    },
  }
}

const keyOf = ({ host, kind, name }: Address): string => JSON.stringify([host, kind, name])

const merged = (results: readonly (Result | void | undefined)[]): Result => Object.assign({}, ...results) as Result
