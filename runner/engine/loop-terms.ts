import type { LoopStarted } from '../events/events.ts'
import {
  type MaxFailures,
  type Read,
  readCanary,
  readDeadline,
  readMaxFailures,
  wholeNumber,
} from '../language/playbook/loop-values.ts'
import type { LoopControl, LoopLimit } from '../language/playbook/types.ts'
import { render, TemplateError } from '../language/template/template.ts'
import { type Scope, Unknown } from '../language/value.ts'
import type { Node } from '../source/source.ts'
import { placeOfNode } from '../source/yaml.ts'
import type { Run } from '../state/run-state.ts'

/** `loop_control`, rendered for one host. Values that a plan does not know yet have no effect there. */
export interface Terms {
  readonly parallel: number
  readonly limits: readonly (LoopLimit & { readonly places: number })[]
  readonly maxFailures: MaxFailures
  readonly canary: number
  /** Milliseconds since the epoch; infinite in a plan, which shows every item. */
  readonly deadline: number
  /** The same for people; a value that is not known yet stands as it is written. */
  readonly shown: LoopStarted['control']
}

/** @throws TemplateError if a value has the wrong type or range */
export function termsOf(run: Pick<Run, 'goal' | 'startedAt'>, control: LoopControl, scope: Scope): Terms {
  const parallel = rendered(control.parallel, scope, wholeNumber('`parallel`'))
  const limits = control.limits.map((limit) => ({
    ...limit,
    found: rendered(limit.atMost, scope, wholeNumber('a number of `limits`')),
  }))
  const maxFailures = rendered(control.maxFailures, scope, readMaxFailures)
  const canary = rendered(control.canary, scope, readCanary)
  const deadline = rendered(control.deadline, scope, readDeadline)
  const isPlan = run.goal === 'plan'
  const at = deadline?.value && ('at' in deadline.value ? deadline.value.at : run.startedAt + deadline.value.after * 1000)
  // A plan cannot know when the run will start.
  const shownDeadline =
    isPlan && deadline?.value !== undefined && 'after' in deadline.value ? deadline.text : (at ?? deadline?.text)
  return {
    parallel: parallel?.value ?? 1,
    limits: limits.flatMap(({ found, ...limit }) => (found?.value === undefined ? [] : [{ ...limit, places: found.value }])),
    maxFailures: maxFailures?.value ?? { count: 1 },
    canary: canary?.value ?? 0,
    deadline: isPlan || at === undefined ? Number.POSITIVE_INFINITY : at,
    shown: {
      ...(parallel === undefined ? {} : { parallel: parallel.text }),
      ...(limits.length === 0
        ? {}
        : { limits: Object.fromEntries(limits.map(({ key, found }) => [key.value, found?.text ?? ''])) }),
      ...(maxFailures === undefined ? {} : { maxFailures: maxFailures.text }),
      ...(canary === undefined || canary.value === 0 ? {} : { canary: canary.text }),
      ...(shownDeadline === undefined || shownDeadline === '' ? {} : { deadline: shownDeadline }),
    },
  }
}

/** Renders a value and its display text. Returns undefined if the keyword is absent, and no `value` if it is not known yet. */
function rendered<T>(
  node: Node | undefined,
  scope: Scope,
  read: (value: unknown) => Read<T>,
): { readonly value?: T; readonly text: string } | undefined {
  if (node === undefined) return undefined
  const value = render(node, scope)
  if (value instanceof Unknown) return { text: String(node.value) }
  const found = read(value)
  if ('wrong' in found) throw new TemplateError({ severity: 'error', summary: found.wrong, place: placeOfNode(node) })
  return { value: found.value, text: String(value) }
}
