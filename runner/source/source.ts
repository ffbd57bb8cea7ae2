import type { Document } from 'yaml'
import type { Span } from '../base/secret-names.ts'

/** A place in a file, for people: lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Length of the marked text on that line, at least 1. */
  readonly length: number
}

/** Keys and indexes from the top of a document to a value. */
export type Path = readonly (string | number)[]

/** One file: its text, and for YAML its document with positions. */
export interface Source {
  /** The path as the user gave it, or relative to the working folder. */
  readonly file: string
  readonly text: string
  readonly document?: Document
  /** Secrets that names do not reveal: values of secret parameters. */
  readonly secrets?: readonly Span[]
}

/** A value from a source, with the path to its place. `value` is plain JSON data. */
export interface Node<T = unknown> {
  readonly value: T
  readonly source: Source
  readonly path: Path
  /** The node is the key at that place, not the value. */
  readonly isKey?: true
}
