/**
 * A value that is not known yet, in plan: a step that would run has to run first. It spreads: whatever is computed from it is
 * unknown as well, never a guess.
 */
export class Unknown {
  /** In words: the name of the step that will give it. */
  readonly until: string
  constructor(until: string) {
    this.until = until
  }
}

/** Variables as a template or an expression sees them. */
export interface Scope {
  /** The value (plain JSON, rendered; or `Unknown`), or undefined where there is no such variable. Throws `TemplateError` when it cannot be rendered. */
  lookup(name: string): unknown
  /** Every name that could be used, for "did you mean". */
  names(): readonly string[]
}
