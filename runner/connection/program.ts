import { readFileSync } from 'node:fs'

/** Reads an sh program to send to hosts, and strips comments and indentation: none of its texts may depend on them. */
export const readProgram = (file: URL): string =>
  readFileSync(file, 'utf8')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/^\s+/gm, '')
