import type { Diagnostic } from '../source/diagnostic.ts'

/** An error of a template or an expression for the variables of one host, with its place in the source. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly diagnostic: Diagnostic
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.summary)
    this.diagnostic = diagnostic
  }
}
