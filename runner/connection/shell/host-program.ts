import { randomBytes } from 'node:crypto'
import { readProgram } from '../program.ts'

/** host-program.sh as it is sent. */
export const hostProgram = readProgram(new URL('./host-program.sh', import.meta.url))

/** What `sh -c` runs to say `ready` and then read the program from standard input: short, because `ps` shows it. */
export const loader = (ready: string): string => `echo ${ready};P=$(head -c ${Buffer.byteLength(hostProgram)});eval "$P"`

export const nonce = (): string => randomBytes(16).toString('hex')
