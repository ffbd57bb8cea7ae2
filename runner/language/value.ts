/**
 * A value that a plan does not know yet, since its step has not run. Every value computed from it is unknown
 * as well, never a guess.
 */
export class Unknown {
  /** The name of the step that will give the value. */
  readonly until: string
  constructor(until: string) {
    this.until = until
  }
}

/** The variables of a template or an expression. */
export interface Scope {
  /**
   * The value (plain JSON, rendered; or `Unknown`); undefined if the variable is missing. Throws
   * `TemplateError` if the value cannot be rendered.
   */
  lookup(name: string): unknown
  /** Every known name, for "did you mean". */
  names(): readonly string[]
}
