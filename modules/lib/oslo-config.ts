/** What a service of OpenStack reads from its configuration files. */
export interface OsloConfig {
  /** The value as the service sees it, with `$other` filled in; undefined where no file sets it. */
  get(section: string, option: string): string | undefined
  /** True for `true`, `1`, `on`, `yes` in any case, false for everything else that is set. */
  flag(section: string, option: string, fallback: boolean): boolean
  number(section: string, option: string, fallback: number): number
}

type Options = ReadonlyMap<string, string>

/**
 * Reads files the way oslo.config does: a later file wins, a later line in a file wins, a line that begins with a blank goes on the line
 * before, a value in quotes is taken without them. `$option`, `${option}` and `${section.option}` stand for other values.
 * @param texts the files in the order in which the service reads them
 * @param defaults of the service, by option of [DEFAULT], for references to options that no file sets
 */
export function osloConfig(texts: readonly string[], defaults: Readonly<Record<string, string>> = {}): OsloConfig {
  const options: Options = new Map(texts.flatMap(entries))
  const raw = (section: string, option: string): string | undefined => options.get(key(section, option))
  const filled = (text: string, depth: number): string =>
    text.replace(/\$(?:\$|\{([\w.]+)\}|(\w+))/g, (whole, braced: string | undefined, plain: string | undefined) => {
      if (whole === '$$') return '$'
      const [option, section = 'DEFAULT'] = (braced ?? plain ?? '').split('.').reverse()
      const value = raw(section, option!) ?? (section === 'DEFAULT' ? defaults[option!] : undefined)
      return value === undefined || depth === 0 ? whole : filled(value, depth - 1)
    })
  const get = (section: string, option: string): string | undefined => {
    const value = raw(section, option) ?? (section === 'DEFAULT' ? defaults[option] : undefined)
    return value === undefined ? undefined : filled(value, 8)
  }
  return {
    get,
    flag: (section, option, fallback) => {
      const value = get(section, option)
      return value === undefined || value === '' ? fallback : /^(true|1|on|yes)$/i.test(value)
    },
    number: (section, option, fallback) => {
      const value = get(section, option)
      return value === undefined || !/^-?\d+(\.\d+)?$/.test(value) ? fallback : Number(value)
    },
  }
}

const key = (section: string, option: string): string => `${section} ${option}`

function entries(text: string): [string, string][] {
  const found: [string, string][] = []
  let section = 'DEFAULT'
  for (const line of text.split(/\r?\n/)) {
    const last = found.at(-1)
    if (/^\s+\S/.test(line) && last !== undefined) last[1] += `\n${line.trim()}`
    const header = /^\[(.+?)\]/.exec(line)
    if (header?.[1] !== undefined) section = header[1]
    const [, option, value] = /^([^\s#;[=:][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? []
    if (option !== undefined && value !== undefined) found.push([key(section, option), unquoted(value)])
  }
  return found
}

const unquoted = (value: string): string => /^(["'])(.*)\1$/.exec(value)?.[2] ?? value
