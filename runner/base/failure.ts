/** The kind of a failure decides the exit code (`runner/events/exit.ts`), and if a retry can help. */
export type FailureKind =
  | 'failed' // the step's own work did not succeed
  | 'unreachable' // the host could not be reached, or the connection was lost
  | 'timeout' // a time limit passed
  | 'refused' // the operator must decide first: lock, drift, missing confirmation
  | 'input' // invalid input
  | 'interrupted' // the operator stopped the run

export interface FailureFields {
  readonly kind?: FailureKind | undefined
  /** The reason, in the other system's words (fault text, stderr). */
  readonly why?: string | undefined
  /** The help: the operator's next action. */
  readonly help?: string | undefined
  /** The last lines of the command's error output, if any. */
  readonly stderr?: string | undefined
  /** Machine-readable evidence for `--output json` and for `register` (JSON-serialisable). */
  readonly data?: Readonly<Record<string, unknown>> | undefined
  readonly cause?: unknown
}

/** A failure at run time as data: what failed, why, what to do. The engine adds the host and the place in the playbook. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly kind: FailureKind
  readonly why: string | undefined
  readonly help: string | undefined
  readonly stderr: string | undefined
  readonly data: Readonly<Record<string, unknown>> | undefined

  /** @param what the failure in one sentence: names the failed thing, has no full stop */
  constructor(what: string, fields: FailureFields = {}) {
    super(what, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.kind = fields.kind ?? 'failed'
    this.why = fields.why
    this.help = fields.help
    this.stderr = fields.stderr
    this.data = fields.data
  }
}

/** Creates the failure for invalid input: the error, and the correct form. */
export const invalidInput = (what: string, help?: string): Failure => new Failure(what, { kind: 'input', help })
