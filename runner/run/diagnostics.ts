import { styleOf } from '../output/view.ts'
import type { Diagnostic } from '../source/diagnostic.ts'
import { renderDiagnostics, summaryLine } from '../source/render.ts'
import type { Source } from '../source/source.ts'
import type { World } from '../world.ts'

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean => diagnostics.some(({ severity }) => severity === 'error')

/** Draws the diagnostics with their source lines on stderr, then the count of errors. */
export function showDiagnostics(diagnostics: readonly Diagnostic[], sources: readonly Source[], world: World): void {
  if (diagnostics.length === 0) return
  world.stderr.write(`${renderDiagnostics(diagnostics, sources, styleOf(world.stderr))}\n`)
  if (hasErrors(diagnostics)) world.stderr.write(`${summaryLine(diagnostics)}\n`)
}
