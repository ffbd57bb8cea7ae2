import { posix } from 'node:path'
import type { Saw } from '../module.ts'
import type { Undoable } from './as-left.ts'

/** Links in a link's target that are gone through: as many as Linux does (path_resolution(7)). */
const MOST_LINKS = 40

/**
 * The steps with their paths as the host understands them: tidy, and through the links that the run made or changed there. Otherwise a file that
 * was put into a folder by way of a link would seem to be somebody else's. Of a step that went through a link which led to several places it
 * is not known what it touched.
 */
export function withRealPaths(steps: readonly Undoable[]): readonly Undoable[] {
  const targets = new Map<string, Set<string>>()
  for (const { record, left, saw } of steps)
    for (const [path, { kind, target }] of [...Object.entries(left ?? {}), ...Object.entries(saw ?? {})])
      if (kind === 'link' && target !== undefined) {
        const key = `${record.host} ${posix.resolve(path)}`
        targets.set(key, (targets.get(key) ?? new Set()).add(posix.resolve(posix.dirname(path), target)))
      }
  return steps.map((step) => {
    const real = (path: string) => realPath(path, (folder) => targets.get(`${step.record.host} ${folder}`))
    const renamed = (things: Saw): Saw => Object.fromEntries(Object.entries(things).map(([path, is]) => [real(path) ?? path, is]))
    const touched = step.touched && [...step.touched].map(real)
    const isKnown = touched?.every((path) => path !== undefined) ?? false
    return {
      ...step,
      touched: isKnown ? new Set(touched as readonly string[]) : undefined,
      saw: isKnown && step.saw !== undefined ? renamed(step.saw) : undefined,
      left: step.left && renamed(step.left),
      sealed: (left) => renamed(step.sealed(left)),
    }
  })
}

/** Undefined where a link on the way led to several places. What is no path (a unit, a server) is its own. */
function realPath(path: string, targetsOf: (folder: string) => ReadonlySet<string> | undefined): string | undefined {
  if (!path.startsWith('/')) return path
  let real = posix.resolve(path)
  for (let followed = 0; followed < MOST_LINKS; followed++) {
    const link = foldersOf(real).find((folder) => targetsOf(folder) !== undefined)
    if (link === undefined) return real
    const [target, other] = targetsOf(link) ?? []
    if (target === undefined || other !== undefined) return undefined
    real = posix.resolve(`${target}${real.slice(link.length)}`)
  }
  return undefined
}

/** Those that a path goes through, the outermost first. */
const foldersOf = (path: string): readonly string[] => {
  const names = path.split('/').slice(1, -1)
  return names.map((_name, index) => `/${names.slice(0, index + 1).join('/')}`)
}
