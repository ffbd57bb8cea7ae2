import type { Diagnostic } from '../source/diagnostic.ts'

/** A template or an expression that cannot be rendered with the variables of this host: with its place in the source. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly diagnostic: Diagnostic
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.summary)
    this.diagnostic = diagnostic
  }
}
