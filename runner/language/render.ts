import type { Diagnostic } from './diagnostic.ts'
import type { Place, Source } from './source.ts'

export interface Look {
  readonly color: boolean
  readonly unicode: boolean
  /** Width of the screen; long source lines are cut around the caret. Default 100. */
  readonly columns?: number
}
export const renderDiagnostics = (diagnostics: readonly Diagnostic[], sources: readonly Source[], look: Look): string =>
  `${diagnostics.length} ${sources.length} ${look.color}`
export const frame = (place: Place, source: Source | undefined, look: Look, label?: string): string[] => [
  `${place.line} ${source?.file} ${look.color} ${label}`,
]
/** `2 errors, nothing was run`. */
export const summaryLine = (diagnostics: readonly Diagnostic[], outcome = 'nothing was run'): string =>
  `${diagnostics.length} errors, ${outcome}`
