import { Failure } from '../../../runner/module.ts'

const BLANK = /[ \t\r\n]/
/** What a shell acts on outside quotes; a program called without one would get it as text, which nobody means. */
const OPERATORS = /[|&;<>()*?[`$]/

/**
 * Splits a command line into words as a POSIX shell does (XCU 2.2: backslash, single and double quotes), without any of a shell's
 * features: what a shell would act on is refused, unless it is quoted. Throws `Failure` of kind `input`.
 */
export function splitWords(line: string): readonly string[] {
  const text = line.trim()
  const words: string[] = []
  let word: string | undefined
  let at = 0
  while (at < text.length) {
    const char = text.charAt(at)
    if (char === '\\') {
      if (at + 1 === text.length) throw unfinished(line, 'ends with a backslash')
      // A backslash and a line end together are nothing at all.
      if (text[at + 1] !== '\n') word = (word ?? '') + text.charAt(at + 1)
      at += 2
    } else if (char === "'") {
      const end = text.indexOf("'", at + 1)
      if (end < 0) throw unfinished(line, "has a ' without its partner")
      word = (word ?? '') + text.slice(at + 1, end)
      at = end + 1
    } else if (char === '"') {
      const quoted = doubleQuoted(line, text, at + 1)
      word = (word ?? '') + quoted.text
      at = quoted.end
    } else if (char === '\n') {
      throw needsShell(line, 'a second line')
    } else if (BLANK.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
      at += 1
    } else {
      if (OPERATORS.test(char) || (word === undefined && (char === '#' || char === '~'))) throw needsShell(line, `\`${char}\``)
      word = (word ?? '') + char
      at += 1
    }
  }
  if (word !== undefined) words.push(word)
  if (words[0] !== undefined && /^[A-Za-z_]\w*=/.test(words[0])) {
    throw new Failure(`\`${words[0]}\` sets a variable, which only a shell does`, {
      kind: 'input',
      todo: 'use `environment` of the task, or the module `shell`',
    })
  }
  return words
}

/** The text inside double quotes, where a backslash escapes only `$`, a backquote, `"`, itself and a line end. */
function doubleQuoted(line: string, text: string, start: number): { readonly text: string; readonly end: number } {
  let inside = ''
  for (let at = start; at < text.length; at += 1) {
    const char = text.charAt(at)
    const next = text.charAt(at + 1)
    if (char === '"') return { text: inside, end: at + 1 }
    if (char === '$' || char === '`') throw needsShell(line, `\`${char}\``)
    if (char !== '\\') inside += char
    else if (next !== '' && '$`"\\\n'.includes(next)) {
      inside += next === '\n' ? '' : next
      at += 1
    } else inside += char
  }
  throw unfinished(line, 'has a " without its partner')
}

const needsShell = (line: string, what: string): Failure =>
  new Failure(`\`${line.trim()}\` holds ${what}, which only a shell acts on`, {
    kind: 'input',
    why: 'command runs a program without a shell',
    todo: `use the module \`shell\`, or put ${what === 'a second line' ? 'each command in its own task' : 'the character in single quotes where it is meant as text'}`,
  })

const unfinished = (line: string, what: string): Failure =>
  new Failure(`the command \`${line.trim()}\` ${what}`, {
    kind: 'input',
    todo: 'close the quote, or give the words as a list: `argv`',
  })

/** A command as one can paste it into a shell: words are quoted where they must be. */
export const showWords = (argv: readonly string[]): string =>
  argv.map((word) => (/^[\w%+,./:=@^-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
