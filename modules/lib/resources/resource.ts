/**
 * Resources, and modules made of them: check, apply, verify, undo and observe follow from the resources. Called by
 * such modules.
 */
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

/** One thing that a module owns. `State` (JSON) is its state before the change, for `restore`. */
export interface Resource<State = any> {
  /** Unique among the resources of the module, and independent of the state of the host. */
  readonly address: Address
  /** Reads the current state and finds the differences. Changes nothing. */
  look(target: Target): Promise<Look<State>>
  /** Makes the changes. Called only if `look` found one. The returned value is merged into the step's result. */
  make(target: Target, state: State): Promise<Result | void>
  /** Restores the state. Called again after an interrupted undo, so it must accept a state that is restored already. */
  restore(target: Target, state: State): Promise<void>
  /** Describes the state without secrets; undefined if the description would be too long. */
  describe(state: State): Snapshot | undefined
  /**
   * Describes the current state, as far as `restore` would change it, in the words of `describe`. Default: another
   * look, described.
   */
  observe?(target: Target, state: State): Promise<Snapshot>
  /** Returns the differences that remain after `make`. Needed if another look always finds one, as with a restart. */
  remaining?(target: Target, state: State): Promise<readonly Change[]>
  /** Only makes other changes take effect (a restart): restored after all other resources. */
  readonly activates?: boolean
}

/** Result of a look at a resource. */
export interface Look<State> extends Pick<Diff<State>, 'changes' | 'result' | 'warnings' | 'locks' | 'irreversible'> {
  readonly state: State
}

/** State of each differing resource, for `restore`. */
type Kept = readonly { readonly address: Address; readonly state: unknown }[]

/** Declaration of a module made of resources. */
interface Declared<S extends ObjectSchema, P = TypeOf<S>> extends ModuleHead<S, P> {
  /** Resources in the order of `make`; restored in reverse order. They depend on the parameters only. */
  resources(params: P, host: string): readonly Resource[]
  /** Result for `register`, whether or not anything changed. */
  result?(params: P): Result
}

/** Makes a module from its resources. */
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
