import { randomBytes } from 'node:crypto'
import { readProgram } from '../program.ts'

/** host-program.sh in the form in which it is sent. */
export const hostProgram = readProgram(new URL('./host-program.sh', import.meta.url))

/**
 * The script for `sh -c` that prints `ready` and reads the program from standard input. Short, because `ps` shows it.
 */
export const loader = (ready: string): string => `echo ${ready};P=$(head -c ${Buffer.byteLength(hostProgram)});eval "$P"`

export const nonce = (): string => randomBytes(16).toString('hex')
