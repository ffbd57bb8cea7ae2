/** A command that a program on a simulated host gave to one of the stand-ins, and its answer. */
export interface Command {
  readonly name: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly stdin: string
}

export interface Answer {
  readonly status: number
  readonly out: string
  readonly err: string
}

export const said = (out: string): Answer => ({ status: 0, out, err: '' })
export const failed = (status: number, err: string, out = ''): Answer => ({ status, out, err })

export interface Parsed {
  /** `--name` and `-n` given without a value. */
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, readonly string[]>
  readonly words: readonly string[]
}

/**
 * Splits options from words.
 * @param withValue options that take a value, `-x value`, `-xvalue`, `--long value` or `--long=value`
 */
export function parseArgs(args: readonly string[], withValue: readonly string[]): Parsed {
  const flags = new Set<string>()
  const values = new Map<string, string[]>()
  const words: string[] = []
  const put = (name: string, value: string) => values.set(name, [...(values.get(name) ?? []), value])
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? ''
    const [name = '', joined] = arg.startsWith('--') ? splitOnce(arg) : [arg.slice(0, 2), arg.slice(2) || undefined]
    if (!arg.startsWith('-') || arg === '-') words.push(arg)
    else if (withValue.includes(name)) put(name, joined ?? args[++index] ?? '')
    else if (arg.startsWith('--')) flags.add(name)
    else for (const letter of arg.slice(1)) flags.add(`-${letter}`)
  }
  return { flags, values, words }
}

const splitOnce = (text: string): [string, string | undefined] => {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
