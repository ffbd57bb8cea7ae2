import type { Files } from '../world.ts'
import type { Diagnostic } from './diagnostic.ts'
import { fileTrouble } from '../base/file-failure.ts'
import { parseSource } from './yaml.ts'
import type { Place, Source } from './source.ts'
import type { YamlDialect } from './yaml-problems.ts'

export interface ReadFile {
  /** undefined if the file is missing or is not text. */
  readonly text: string | undefined
  readonly exists: boolean
  readonly diagnostics: Diagnostic[]
}

/** Reads the text of a file of the controller; errors are diagnostics. */
export const readFile = async (file: string, files: Files): Promise<ReadFile> => {
  const wrong = (summary: string, more: Partial<Diagnostic> = {}): ReadFile => ({
    text: undefined,
    exists: true,
    diagnostics: [{ severity: 'error', summary, place: { file, line: 1, column: 1, length: 1 }, ...more }],
  })
  let bytes: Uint8Array | undefined
  try {
    bytes = await files.read(file)
  } catch (error) {
    const { why, help } = fileTrouble(error)
    return wrong(`\`${file}\` cannot be read`, { notes: help === undefined ? [why] : [why, help] })
  }
  if (bytes === undefined) return { text: undefined, exists: false, diagnostics: [] }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    // https://docs.ansible.com/ansible/latest/vault_guide/vault_encrypting_content.html: the first line of an
    // encrypted file.
    if (text.startsWith('$ANSIBLE_VAULT;')) {
      return wrong(`\`${file}\` is encrypted with Ansible Vault, which is not supported`, {
        notes: ['decrypt it, or give its values as parameters with `secret: true`'],
      })
    }
    return { text, exists: true, diagnostics: [] }
  } catch {
    const place = firstBadByte(file, bytes)
    return wrong(`\`${file}\` is not UTF-8 text`, {
      place,
      notes: [`the first invalid byte: line ${place.line}, column ${place.column}`],
    })
  }
}

/** Reads and parses a YAML file; without a source if the file is missing or is not text. */
export const readSource = async (
  file: string,
  files: Files,
  dialect: YamlDialect,
): Promise<{ source: Source | undefined; exists: boolean; diagnostics: Diagnostic[] }> => {
  const { text, exists, diagnostics } = await readFile(file, files)
  if (text === undefined) return { source: undefined, exists, diagnostics }
  const parsed = parseSource(file, text, dialect)
  return { source: parsed.source, exists, diagnostics: parsed.diagnostics }
}

const firstBadByte = (file: string, bytes: Uint8Array): Place => {
  const lenient = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  const before = lenient.slice(0, lenient.indexOf('\ufffd'))
  const line = before.split('\n').length
  return { file, line, column: before.length - before.lastIndexOf('\n'), length: 1 }
}
