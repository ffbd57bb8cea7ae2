/** What kind of trouble: it decides the exit code (`runner/events/exit.ts`) and whether a retry can help. */
export type FailureKind =
  | 'failed' // the step's own work did not succeed
  | 'unreachable' // the host could not be reached, or the connection was lost
  | 'timeout' // a time limit passed
  | 'refused' // somebody must decide first: lock, drift, missing confirmation
  | 'input' // what was asked for is wrong
  | 'interrupted' // the operator stopped the run

export interface FailureFields {
  readonly kind?: FailureKind | undefined
  /** Why it happened, as the other system said it (fault text, stderr). */
  readonly why?: string | undefined
  /** What the operator should do now. */
  readonly todo?: string | undefined
  /** The last lines of the command's error output, where there are any. */
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
  readonly todo: string | undefined
  readonly stderr: string | undefined
  readonly data: Readonly<Record<string, unknown>> | undefined

  /** @param what one sentence, without a full stop at its end, naming the thing that failed */
  constructor(what: string, fields: FailureFields = {}) {
    super(what, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.kind = fields.kind ?? 'failed'
    this.why = fields.why
    this.todo = fields.todo
    this.stderr = fields.stderr
    this.data = fields.data
  }
}

/** The failure of input: what is wrong with it, and what to write instead. */
export const invalidInput = (what: string, todo?: string): Failure => new Failure(what, { kind: 'input', todo })
