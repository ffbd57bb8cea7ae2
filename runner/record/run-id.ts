import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Sorts by time: seven letters of the seconds, three of chance (Crockford's base 32). */
export function runId(now: number): string {
  let seconds = Math.floor(now / 1000)
  let text = ''
  for (let i = 0; i < 7; i++) {
    text = ALPHABET[seconds % 32] + text
    seconds = Math.floor(seconds / 32)
  }
  return text + [...randomBytes(3)].map((byte) => ALPHABET[byte % 32]).join('')
}
