import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ID = new RegExp(`^[${ALPHABET}]{10}$`)

/**
 * Returns the id of a new run in Crockford's base 32: seven letters for the seconds, three random ones. The id
 * sorts after all `known` ids, even if the clock was set back or two runs begin within a second: "the newest run"
 * is the one that began last.
 * @param now milliseconds since the epoch
 */
export function runId(now: number, known: readonly string[]): string {
  const last = known.reduce((latest, id) => (ID.test(id) ? Math.max(latest, secondsIn(id)) : latest), 0)
  let seconds = Math.max(Math.floor(now / 1000), last + 1)
  let text = ''
  for (let i = 0; i < 7; i++) {
    text = ALPHABET[seconds % 32] + text
    seconds = Math.floor(seconds / 32)
  }
  return text + [...randomBytes(3)].map((byte) => ALPHABET[byte % 32]).join('')
}

const secondsIn = (id: string): number =>
  Array.from(id.slice(0, 7)).reduce((sum, letter) => sum * 32 + ALPHABET.indexOf(letter), 0)
