import { compilePattern, Failure, type Pattern, PatternError } from '../../../runner/module.ts'

/**
 * Compiles a regular expression in Python's syntax, as Ansible users write it: `\Z` is the end of the text, `{,3}`
 * means up to three times. Throws `Failure` of kind `input` for an invalid expression, or for a feature that RE2 does
 * not have.
 *
 * @param what names the parameter in the error
 */
export function pattern(text: string, what: string, options?: { readonly multiline?: boolean }): Pattern {
  const translated = text.replace(/\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\{,(?=\d+\})/g, (found) =>
    found === '\\Z' ? '\\z' : found === '{,' ? '{0,' : found,
  )
  try {
    return compilePattern(translated, options)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    throw new Failure(`\`${what}\` is not a regular expression: \`${text}\``, {
      kind: 'input',
      why: error.message,
      help: 'write it in the syntax of RE2: https://github.com/google/re2/wiki/Syntax',
    })
  }
}
