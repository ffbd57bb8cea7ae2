/** Regular expressions that users write, run by RE2: their time is linear, so none can hang a run. */
import { RE2JS } from 're2js'

/** The groups of a match, by number (0 is the whole) and by name; undefined for a group without a part in the match. */
export interface Match {
  readonly groups: readonly (string | undefined)[]
  readonly named: Readonly<Record<string, string | undefined>>
}

/**
 * A regular expression of a user, in RE2's syntax: its time grows with the text alone, so no expression can
 * hang the program.
 */
export interface Pattern {
  test(text: string): boolean
  /** The first match; undefined for none. */
  match(text: string): Match | undefined
}

/** An invalid regular expression. The message explains why, as a label. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/**
 * Compiles an expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax), with `\uXXXX` as an
 * extension.
 *
 * @param multiline `^` and `$` match at the ends of lines
 * @throws PatternError
 */
export function compilePattern(text: string, { multiline = false }: { readonly multiline?: boolean } = {}): Pattern {
  const compiled = compile(text, multiline ? RE2JS.MULTILINE : 0)
  return {
    test: (subject) => compiled.test(subject),
    match(subject) {
      const found = compiled.matcher(subject)
      if (!found.find()) return undefined
      const groups = Array.from({ length: found.groupCount() + 1 }, (_, index) => found.group(index) ?? undefined)
      const named = Object.entries(found.getNamedGroups()).map(([name, value]) => [name, value ?? undefined])
      return { groups, named: Object.fromEntries(named) }
    },
  }
}

/** Returns an expression that matches exactly this text. */
export const literally = (text: string): string => RE2JS.quote(text)

function compile(text: string, flags: number): RE2JS {
  try {
    const translated = text.replace(/\\u([\da-fA-F]{4})|\\[\s\S]/g, (found, code?: string) =>
      code === undefined ? found : `\\x{${code}}`,
    )
    return RE2JS.compile(translated, flags)
  } catch (error) {
    throw new PatternError(missingFeature(text) ?? (error as Error).message.replace(/^error parsing regexp: /, ''))
  }
}

/** Syntax of other engines that RE2 lacks, since it cannot run in linear time. */
const FEATURES: Readonly<Record<string, string>> = {
  '(?=': 'a lookahead',
  '(?!': 'a lookahead',
  '(?<=': 'a lookbehind',
  '(?<!': 'a lookbehind',
  '(?>': 'an atomic group',
  '(?(': 'a conditional group',
  '(?#': 'a comment',
  '(?P=': 'a backreference',
  '(?x': 'the flag x',
}

function missingFeature(text: string): string | undefined {
  for (const [found] of text.matchAll(/\\k<\w+>|\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\(\?(?:<?[=!]|[>(#x]|P=)|[*+?}]\+/g)) {
    const feature = /^\\(?:k<|[1-9])/.test(found)
      ? 'a backreference'
      : /^[*+?}]\+/.test(found)
        ? 'a possessive repetition'
        : FEATURES[found]
    if (feature !== undefined) return `${feature}, \`${found}\`, is not supported`
  }
  const [repeat] = /\{\d{4,}[,}]|\{\d*,\d{4,}\}/.exec(text) ?? []
  return repeat === undefined ? undefined : `a part is repeated at most 1000 times, not \`${repeat}\``
}
