/** Verdicts on host keys, and their messages. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { hostKeyCheck, type HostKeyOptions } from '../../../../runner/connection/ssh/host-keys.ts'
import { fingerprint, knownHostsLine } from '../../../../runner/connection/ssh/known-hosts.ts'

const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const key = (letter: string): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, letter)])
const [A, B] = [key('a'), key('b')]
const check = (change: Partial<HostKeyOptions> = {}) =>
  hostKeyCheck({
    name: 'compute14',
    address: '10.0.0.14',
    port: 22,
    host: '10.0.0.14',
    keyPort: 22,
    user: 'ops',
    files: [join(folder, 'none')],
    ownFile: undefined,
    acceptNew: false,
    hashed: false,
    ...change,
  })
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

test('the verifier answers at once: a promise would mean consent', () => {
  const { verify } = check({ files: [file('one', knownHostsLine('10.0.0.14', A, false))] })
  expect([verify(A), verify(B)]).toEqual([true, false])
})

test('an unknown key: its fingerprint and the commands that accept it', () => {
  const { verify, ...rest } = check()
  expect(verify(A)).toBe(false)
  const unknown = check()
  unknown.verify(A)
  expect(unknown.refusal).toMatchObject({
    kind: 'unreachable',
    message: 'unknown host key of compute14 (10.0.0.14)',
    why: `it shows ED25519 ${fingerprint(A)}, and ${join(folder, 'none')} has no key of it`,
    data: { fingerprint: fingerprint(A), keyType: 'ssh-ed25519' },
  })
  expect(unknown.refusal?.help).toContain('--accept-new-host-keys')
  expect(unknown.refusal?.help).toContain('`ssh ops@10.0.0.14`')
  expect(rest.algorithms[0]).toBe('ssh-ed25519')
  const other = check({ port: 2222, keyPort: 2222, ownFile: '/x/known', files: ['/x/known'] })
  other.verify(A)
  expect(other.refusal?.message).toBe('unknown host key of compute14 ([10.0.0.14]:2222)')
  expect(other.refusal?.help).toContain('`ssh -o UserKnownHostsFile=/x/known -p 2222 ops@10.0.0.14`')
})

test('a changed key: both fingerprints, the line, and the command that removes it', () => {
  const known = file('changed', `# first\n${knownHostsLine('10.0.0.14', A, true)}`)
  const changed = check({ files: [known], acceptNew: true, ownFile: known })
  expect(changed.verify(B)).toBe(false)
  expect(changed.refusal).toMatchObject({
    kind: 'unreachable',
    message: 'the host key of compute14 (10.0.0.14) has changed',
    why: `it shows ED25519 ${fingerprint(B)}, but ${known}:2 has ED25519 ${fingerprint(A)}`,
    data: { fingerprint: fingerprint(B), knownFingerprint: fingerprint(A), file: known, line: 2 },
  })
  expect(changed.refusal?.help).toContain(`\`ssh-keygen -R '10.0.0.14' -f ${known}\``)
  changed.remember()
  expect(readFileSync(known, 'utf8').split('\n')).toHaveLength(3)
})

test('revoked, and known by an authority alone', () => {
  const revoked = check({ files: [file('revoked', `@revoked ${knownHostsLine('*', A, false)}`)], acceptNew: true })
  expect([revoked.verify(A), revoked.refusal?.message]).toEqual([false, 'the host key of compute14 (10.0.0.14) is revoked'])
  const authority = check({ files: [file('authority', `@cert-authority ${knownHostsLine('*', B, false)}`)], acceptNew: true })
  expect([authority.verify(A), authority.refusal?.why]).toEqual([
    false,
    expect.stringContaining('certificates cannot be checked here'),
  ])
})

test('an accepted new key is remembered once, in a file of its own, readable by the owner alone', () => {
  const target = join(folder, 'new', 'known_hosts')
  const accepting = check({ files: [target, '/etc/ssh/none'], acceptNew: true, port: 2222, keyPort: 2222 })
  expect(accepting.verify(A)).toBe(true)
  expect(existsSync(target)).toBe(false)
  accepting.remember()
  accepting.remember()
  expect(readFileSync(target, 'utf8')).toBe(knownHostsLine('[10.0.0.14]:2222', A, false))
  expect([statSync(target).mode & 0o777, statSync(join(folder, 'new')).mode & 0o777]).toEqual([0o600, 0o700])
  // New keys are exchanged on a long connection: the same one is good, another is not.
  expect([accepting.verify(A), accepting.verify(B)]).toEqual([true, false])
})

test('two connections that accept the same key at once write one line', () => {
  const target = join(folder, 'twice')
  const both = [check({ files: [target], acceptNew: true }), check({ files: [target], acceptNew: true })]
  for (const each of both) each.verify(A)
  for (const each of both) each.remember()
  expect(readFileSync(target, 'utf8')).toBe(knownHostsLine('10.0.0.14', A, false))
})

test('a last line without its end is not continued, and names can be hashed', () => {
  const target = file('unfinished', 'other ssh-ed25519 AAAA')
  const accepting = check({ files: [target], acceptNew: true, hashed: true })
  accepting.verify(A)
  accepting.remember()
  expect(readFileSync(target, 'utf8')).toMatch(/^other ssh-ed25519 AAAA\n\|1\|[^\n]+\n$/)
  expect(check({ files: [target] }).verify(A)).toBe(true)
})

test('a file that cannot be written is said so', () => {
  const accepting = check({ files: [join(file('plain', ''), 'below')], acceptNew: true })
  accepting.verify(A)
  expect(() => accepting.remember()).toThrow('cannot remember the new host key')
})
