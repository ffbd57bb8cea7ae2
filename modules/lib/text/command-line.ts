import { Failure, shellFeature, splitWords } from '../../../runner/module.ts'

/**
 * Splits a command line into words as a POSIX shell does. Throws `Failure` of kind `input` for an unquoted character
 * that has a meaning in a shell.
 */
export function readCommandLine(line: string): readonly string[] {
  const { words, open } = splitWords(line)
  const feature = shellFeature(line)
  if (feature === '\\') throw unfinished(line, 'ends with a backslash')
  if (feature !== undefined) throw needsShell(line, feature === '\n' ? 'a second line' : `\`${feature}\``)
  if (open !== undefined) throw unfinished(line, `has a ${open} without its partner`)
  const argv = words.map(({ text }) => text)
  if (argv[0] !== undefined && /^[A-Za-z_]\w*=/.test(argv[0])) {
    throw new Failure(`\`${argv[0]}\` sets a variable, which only a shell does`, {
      kind: 'input',
      help: 'use `environment` of the task, or the module `shell`',
    })
  }
  return argv
}

const needsShell = (line: string, what: string): Failure =>
  new Failure(`\`${line.trim()}\` holds ${what}, which only a shell acts on`, {
    kind: 'input',
    why: 'command runs a program without a shell',
    help: `use the module \`shell\`, or put ${what === 'a second line' ? 'each command in its own task' : 'the character in single quotes where it is meant as text'}`,
  })

const unfinished = (line: string, what: string): Failure =>
  new Failure(`the command \`${line.trim()}\` ${what}`, {
    kind: 'input',
    help: 'close the quote, or give the words as a list: `argv`',
  })
