import { Failure } from '../../../runner/module.ts'

/**
 * A regular expression as Ansible users write it, which is Python's: `(?i)`, `(?m)` and `(?s)` at the start, `(?P<name>…)`,
 * `(?P=name)`, `\A` and `\Z` mean what they mean there. Throws `Failure` of kind `input` where it is not one.
 * @param what names the parameter in the error
 * @param more flags besides those at the start of the text
 */
export function pattern(text: string, what: string, more = ''): RegExp {
  const [, flags = '', body = ''] = /^(?:\(\?([ims]+)\))?([\s\S]*)$/.exec(text) ?? []
  const translated = body.replace(/\\[\s\S]|\(\?P<|\(\?P=(\w+)\)/g, (found, name: string | undefined) => {
    if (found === '(?P<') return '(?<'
    if (name !== undefined) return `\\k<${name}>`
    return found === '\\A' ? '(?<![\\s\\S])' : found === '\\Z' ? '(?![\\s\\S])' : found
  })
  try {
    return new RegExp(translated, [...new Set(flags + more)].join(''))
  } catch (error) {
    throw new Failure(`\`${what}\` is no regular expression: \`${text}\``, { kind: 'input', why: (error as Error).message })
  }
}
