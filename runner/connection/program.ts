import { readFileSync } from 'node:fs'

/** Reads a program of sh that is sent to hosts: without comments and indentation, which none of its texts may need. */
export const readProgram = (file: URL): string =>
  readFileSync(file, 'utf8')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/^\s+/gm, '')
