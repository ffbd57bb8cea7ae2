import { readIni } from './ini.ts'

/** Configuration of an OpenStack service. */
export interface OsloConfig {
  /** Returns the value that the service sees, with `$other` filled in; undefined if no file sets it. */
  get(section: string, option: string): string | undefined
  /** True for `true`, `1`, `on`, `yes` in any case; false for any other value. */
  flag(section: string, option: string, fallback: boolean): boolean
  number(section: string, option: string, fallback: number): number
}

type Options = ReadonlyMap<string, string>

/**
 * Reads files as oslo.config does: a later file wins, and in a file a later line. `$option`, `${option}` and
 * `${section.option}` stand for other values. The case of a section name is ignored, except for DEFAULT.
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

const key = (section: string, option: string): string => `${section === 'DEFAULT' ? section : section.toLowerCase()} ${option}`

const entries = (text: string): readonly (readonly [string, string])[] =>
  readIni(text).map(({ section, option, value }) => [key(section, option), value] as const)
