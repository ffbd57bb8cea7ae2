import ssh2 from 'ssh2'
import { expect, test } from 'vitest'
import { fingerprint, generateKey } from './keys.ts'

test('every key can be read again, and what it signs is good; 600 of them, as some begin with zeros', () => {
  for (let count = 0; count < 600; count += 1) {
    const pair = generateKey('me@here')
    const [secret, open] = [ssh2.utils.parseKey(pair.private), ssh2.utils.parseKey(pair.public)]
    if (secret instanceof Error || open instanceof Error) throw new Error(`${String(secret)} ${String(open)}\n${pair.private}`)
    expect([secret.type, secret.comment]).toEqual(['ssh-ed25519', 'me@here'])
    expect(secret.getPublicSSH().equals(open.getPublicSSH())).toBe(true)
    expect(open.verify('data', secret.sign('data') as unknown as Buffer)).toBe(true)
    expect(fingerprint(pair.public)).toMatch(/^SHA256:[\w+/]{43}$/)
  }
})
