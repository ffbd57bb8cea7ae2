import type { Place } from './source.ts'

/** Something wrong with what was given, as data. All of a stage's diagnostics are shown together. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** Lower case, no full stop, names in backticks: "unknown module `libvirt_listn`". */
  readonly summary: string
  readonly place?: Place | undefined
  /** Short text behind the caret: "did you mean `libvirt_listen`?" */
  readonly label?: string | undefined
  /** Further lines: why it matters, what to do. */
  readonly notes?: readonly string[] | undefined
}
