import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** The program as it is sent: host-program.sh without comments and indentation. */
export const hostProgram = readFileSync(new URL('./host-program.sh', import.meta.url), 'utf8')
  .replace(/^\s*#.*\n/gm, '')
  .replace(/^\s+/gm, '')

/** What `sh -c` runs to say `ready` and then read the program from standard input: short, because `ps` shows it. */
export const loader = (ready: string): string => `echo ${ready};P=$(head -c ${Buffer.byteLength(hostProgram)});eval "$P"`

export const nonce = (): string => randomBytes(16).toString('hex')
