import type { Place } from './source.ts'

/** An error or warning about the input, as data. All diagnostics of a stage are shown together. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** Lower case, no full stop, names in backticks: "unknown module `libvirt_listn`". */
  readonly summary: string
  readonly place?: Place | undefined
  /** Short text behind the caret: "did you mean `libvirt_listen`?" */
  readonly label?: string | undefined
  /** Further lines: the reason, and the help. */
  readonly notes?: readonly string[] | undefined
}
