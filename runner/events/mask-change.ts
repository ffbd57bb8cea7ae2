/**
 * Hides the secrets of a difference. Of a replaced secret only the new value is known; the old one is found
 * by its position. Called by mask-event.ts, the engine, plan/guard.ts, run/recorder.ts and undo/drift.ts.
 */
import { createHash } from 'node:crypto'
import { diffLines } from 'diff'
import { inWords } from '../base/address.ts'
import { HIDDEN } from '../base/secret-names.ts'
import type { Secrets } from '../base/secret-values.ts'
import type { Change, Snapshot } from '../module.ts'

/** Changed lines with at most so many others between them belong to one group. */
const NEAR = 2
/** The maximum of changed lines for a comparison by groups. */
const MOST_EDITS = 1000

/** Masks a difference for the screen and the journal. */
export function maskChange(secrets: Secrets, change: Change): Change {
  const { before, after, sensitive } = change
  const masked = whereItIs(secrets, change)
  if (sensitive) return { ...masked, before: before && HIDDEN, after: after && HIDDEN }
  return masked.before === undefined || masked.after === undefined
    ? masked
    : { ...masked, ...withoutReplaced(masked.before, masked.after) }
}

/**
 * Masks a difference like `maskChange`, with a digest in place of each sensitive value, for the comparison with a
 * saved plan. Never shown; only its owner can read the file of such a plan.
 */
export function sealChange(secrets: Secrets, change: Change): Change {
  const { before, after, sensitive } = change
  if (!sensitive) return maskChange(secrets, change)
  const sealed = (value: string | undefined) =>
    value === undefined ? undefined : createHash('sha256').update(value).digest('hex')
  return { ...whereItIs(secrets, change), before: sealed(before), after: sealed(after) }
}

/** Masks every secret in the texts of a change, except the host and the kind of its resource. */
const whereItIs = (secrets: Secrets, change: Change): Change => ({
  ...secrets.mask(change),
  resource: { ...change.resource, name: secrets.mask(change.resource.name) },
})

/** Masks every secret in the texts of a snapshot, except the hosts and kinds of its resources. */
export const maskSnapshot = (secrets: Secrets, snapshot: Snapshot): Snapshot =>
  snapshot.map(({ resource, properties }) => ({
    resource: { ...resource, name: secrets.mask(resource.name) },
    properties: secrets.mask(properties),
  }))

/** A difference in words, for the lines of a failure. */
export function changeInWords({ resource, property, before, after, sensitive }: Change, between: string): string {
  const name = inWords(resource, property)
  return sensitive ? name : `${name}: ${before ?? 'absent'}, ${between} ${after ?? 'absent'}`
}

interface Sides {
  readonly before: string
  readonly after: string
}

/** @param before masked, except for old values that the secrets of `after` replaced */
function withoutReplaced(before: string, after: string): Sides {
  if (!before.includes(HIDDEN) && !after.includes(HIDDEN)) return { before, after }
  if (!before.includes('\n') && !after.includes('\n'))
    return { before: after.includes(HIDDEN) ? hideLine(before) : before, after }
  const parts = diffLines(before, after, { maxEditLength: MOST_EDITS })
  if (parts === undefined) return { before: HIDDEN, after }
  const hidden = parts.map((part) => ({ ...part, hide: part.removed === true && inSecretGroup(parts, parts.indexOf(part)) }))
  const heads = { before: headsOf(before), after: headsOf(after) }
  const side = (other: 'added' | 'removed', beside: ReadonlySet<string>) =>
    hidden
      .filter((part) => part[other] !== true)
      .map(({ value, hide, added, removed }) =>
        added || removed ? eachLine(value, (line) => (hide || beside.has(headOf(line, beside)) ? hideLine(line) : line)) : value,
      )
      .join('')
  return { before: side('added', heads.after), after: side('removed', heads.before) }
}

type Part = ReturnType<typeof diffLines>[number]

/** Returns true if a nearby changed part holds a secret, with at most a few other lines in between. */
function inSecretGroup(parts: readonly Part[], at: number): boolean {
  const reaches = (step: 1 | -1): boolean => {
    for (let next = at; ; next += step) {
      const part = parts[next]
      if (part === undefined) return false
      const isChanged = part.added === true || part.removed === true
      if (isChanged && part.value.includes(HIDDEN)) return true
      if (!isChanged && part.count > NEAR) return false
    }
  }
  return reaches(1) || reaches(-1)
}

/** The text before a secret in its line, if it is distinctive: the old value follows the same text. */
const headsOf = (text: string): ReadonlySet<string> =>
  new Set(
    text
      .split('\n')
      .filter((line) => line.includes(HIDDEN))
      .map((line) => line.slice(0, line.indexOf(HIDDEN)).trim())
      .filter((head) => /[\p{L}\p{N}]{2}/u.test(head)),
  )

/** The head at the start of a line, commented out or not. */
const headOf = (line: string, heads: ReadonlySet<string>): string => {
  const words = line.replace(/^[\s#;]+/, '')
  return [...heads].find((head) => words.startsWith(head)) ?? ''
}

const eachLine = (text: string, change: (line: string) => string): string =>
  text
    .split('\n')
    .map((line) => (line.trim() === '' ? line : change(line)))
    .join('\n')

/** Keeps only the text before the part that is hidden already. */
const hideLine = (line: string): string => (line.includes(HIDDEN) ? line.slice(0, line.indexOf(HIDDEN)) + HIDDEN : HIDDEN)
