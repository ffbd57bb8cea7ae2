/** known_hosts: parsing, matching, compared with the real ssh-keygen. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  fingerprint,
  hostKeyAlgorithms,
  hostLines,
  keyName,
  knownHostsLine,
  knownName,
  matchesHost,
  parseKnownHosts,
  verdict,
} from '../../../../runner/connection/ssh/known-hosts.ts'

/** A key in the wire format, with a given body, which need not lie on the curve. */
function key(body: string, type = 'ssh-ed25519'): Buffer {
  const part = (bytes: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const point = type.startsWith('ecdsa') ? [part(Buffer.from(type.replace('ecdsa-sha2-', '')))] : []
  return Buffer.concat([part(Buffer.from(type)), ...point, part(Buffer.alloc(32, body))])
}
const line = (hosts: string, blob: Buffer, type = 'ssh-ed25519') => `${hosts} ${type} ${blob.toString('base64')}`
const [A, B, C] = [key('a'), key('b'), key('c')]
const R = key('r', 'ssh-rsa')
const parse = (...lines: string[]) => parseKnownHosts(lines.join('\n'), 'known_hosts')

describe('parsing', () => {
  test('keys, markers, comments, blanks; lines that make no sense are passed over', () => {
    const found = parse(
      '# comment',
      '',
      `  ${line('one,two', A)}   a comment`,
      `@revoked ${line('*', B)}`,
      `@cert-authority ${line('*.example', C)}`,
      '@other x ssh-ed25519 AAAA',
      'one',
      'one ssh-ed25519',
      'one ssh-ed25519 !!!',
      line('one', A, 'ssh-rsa'),
      `\tone\t\tssh-ed25519 ${A.toString('base64')}\r`,
    )
    expect(found.map(({ line: number, marker, hosts }) => [number, marker, hosts])).toEqual([
      [3, 'key', 'one,two'],
      [4, 'revoked', '*'],
      [5, 'cert-authority', '*.example'],
      [11, 'key', 'one'],
    ])
    expect(found[0]).toMatchObject({ type: 'ssh-ed25519', file: 'known_hosts', key: A })
  })

  test('names of hosts', () => {
    expect([knownName('Compute14', 22), knownName('10.0.0.1', 2222), knownName('::1', 2222)]).toEqual([
      'compute14',
      '[10.0.0.1]:2222',
      '[::1]:2222',
    ])
  })
})

describe('matching', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['host', 'host', true],
    ['host', 'hosts', false],
    ['a,host,b', 'host', true],
    ['HOST', 'host', true],
    ['*.example', 'a.b.example', true],
    ['*.example', 'example', false],
    ['comput?1', 'compute1', true],
    ['comput?1', 'comput1', false],
    ['*,!bad', 'bad', false],
    ['!bad,*', 'bad', false],
    ['!bad', 'good', false],
    ['*,!*.bad', 'x.bad', false],
    ['[host]:2222', '[host]:2222', true],
    ['[host]:2222', '[host]:22', false],
    ['[*]:2222', '[host]:2222', true],
    ['a.b', 'axb', false],
    ['|1|not base64|nothing', 'host', false],
    ['|2|c2FsdA==|c2FsdA==', 'host', false],
    ['*', '|1|x', true],
  ]
  for (const [hosts, name, expected] of cases)
    test(`${hosts} ${expected ? 'matches' : 'does not match'} ${name}`, () => expect(matchesHost(hosts, name)).toBe(expected))

  test('a hashed name', () => {
    const [hashed = ''] = knownHostsLine('[host]:2222', A, true).split(' ')
    expect(hashed).toMatch(/^\|1\|/)
    expect([matchesHost(hashed, '[host]:2222'), matchesHost(hashed, 'host')]).toEqual([true, false])
  })
})

describe('judging', () => {
  test('known, unknown', () => {
    expect(verdict(parse(line('host', A)), 'host', 22, A)).toEqual({ kind: 'known' })
    expect(verdict(parse(line('other', A)), 'host', 22, A)).toEqual({ kind: 'unknown' })
    expect(verdict([], 'host', 22, A)).toEqual({ kind: 'unknown' })
  })
  test('changed: the line of the same type is named, or else the first', () => {
    expect(verdict(parse(line('host', R, 'ssh-rsa'), line('host', A)), 'host', 22, B)).toMatchObject({
      kind: 'changed',
      known: { line: 2 },
    })
    expect(verdict(parse('', line('host', R, 'ssh-rsa')), 'host', 22, B)).toMatchObject({ kind: 'changed', known: { line: 2 } })
  })
  test('one of several keys', () => {
    expect(verdict(parse(line('host', A), line('host', B)), 'host', 22, B)).toEqual({ kind: 'known' })
  })
  test('a revoked key is refused although another line has it', () => {
    expect(verdict(parse(line('host', A), `@revoked ${line('*', A)}`), 'host', 22, A)).toMatchObject({
      kind: 'revoked',
      known: { line: 2 },
    })
    expect(verdict(parse(line('host', A), `@revoked ${line('*', B)}`), 'host', 22, A)).toEqual({ kind: 'known' })
    expect(verdict(parse(`@revoked ${line('elsewhere', A)}`), 'host', 22, A)).toEqual({ kind: 'unknown' })
  })
  test('a certificate authority is no key of the host', () => {
    expect(verdict(parse(`@cert-authority ${line('*', A)}`), 'host', 22, A)).toMatchObject({
      kind: 'authority',
      known: { line: 1 },
    })
    expect(verdict(parse(`@cert-authority ${line('*', A)}`, line('host', B)), 'host', 22, B)).toEqual({ kind: 'known' })
  })
  test('a port: its own lines count; a line without the port is good when it has the key, and says nothing when it has not', () => {
    const known = parse(line('host', A), line('[host]:2222', B))
    expect(verdict(known, 'host', 2222, B)).toEqual({ kind: 'known' })
    expect(verdict(known, 'host', 2222, A)).toEqual({ kind: 'known' })
    expect(verdict(known, 'host', 2222, C)).toMatchObject({ kind: 'changed', known: { line: 2 } })
    expect(verdict(known, 'host', 2223, C)).toEqual({ kind: 'unknown' })
    expect(verdict(known, 'host', 22, B)).toMatchObject({ kind: 'changed' })
  })
})

test('algorithms on file are asked for first', () => {
  expect(hostKeyAlgorithms([], 'host', 22)[0]).toBe('ssh-ed25519')
  expect(hostKeyAlgorithms(parse(line('host', R, 'ssh-rsa')), 'host', 22).slice(0, 3)).toEqual([
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-ed25519',
  ])
  const ecdsa = key('e', 'ecdsa-sha2-nistp384')
  expect(hostKeyAlgorithms(parse(line('[host]:5', ecdsa, 'ecdsa-sha2-nistp384')), 'host', 5)[0]).toBe('ecdsa-sha2-nistp384')
  expect(new Set(hostKeyAlgorithms(parse(line('host', R, 'ssh-rsa')), 'host', 22)).size).toBe(6)
})

test('names of key types', () => {
  expect(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa', 'sk-ssh-ed25519@openssh.com', 'x'].map(keyName)).toEqual([
    'ED25519',
    'ECDSA',
    'RSA',
    'ED25519',
    'x',
  ])
})

describe.skipIf(spawnSync('ssh-keygen', ['-?']).error !== undefined)('as ssh-keygen sees it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The lines that OpenSSH finds for a name, from `# Host NAME found: line N`. */
  const opensshFinds = (text: string, name: string): number[] => {
    const file = join(folder, 'known_hosts')
    writeFileSync(file, text)
    const { stdout } = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' })
    return [...stdout.matchAll(/found: line (\d+)/g)].map(([, number]) => Number(number))
  }

  test('the fingerprint', () => {
    const file = join(folder, 'key.pub')
    writeFileSync(file, `ssh-ed25519 ${A.toString('base64')} x\n`)
    expect(spawnSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' }).stdout.split(' ')[1]).toBe(fingerprint(A))
  })

  test('any file, any name: the same lines', () => {
    const label = fc.constantFrom('a', 'b', 'ab', 'a.b', 'b.a', 'A', '10.0.0.1', 'a-b')
    const name = fc.oneof(
      label,
      fc.tuple(label, fc.constantFrom(22, 2222, 3)).map(([host, port]) => `[${host}]:${port}`),
    )
    const pattern = fc.oneof(
      name,
      fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?', 'A', '[', ']', ':', '2'), minLength: 1, maxLength: 8 }),
    )
    const hosts = fc.oneof(
      fc
        .array(fc.tuple(fc.boolean(), pattern), { minLength: 1, maxLength: 3 })
        .map((parts) => parts.map(([not, part]) => (not ? '!' : '') + part).join(',')),
      name.map((each) => knownHostsLine(each, A, true).split(' ')[0] ?? ''),
    )
    const entry = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .tuple(hosts, fc.constantFrom('', '@revoked ', '@cert-authority '))
          .map(([each, marker]) => `${marker}${line(each, A)}`),
      },
      { weight: 1, arbitrary: fc.constantFrom('', '# a comment', '  ', 'a', 'a ssh-ed25519') },
    )
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), name, (lines, asked) => {
        const text = `${lines.join('\n')}\n`
        const ours = hostLines(parseKnownHosts(text, 'f'), asked.toLowerCase()).map(({ line: number }) => number)
        expect(ours).toEqual(opensshFinds(text, asked.toLowerCase()))
      }),
      { numRuns: 60 },
    )
  })

  test('hashed by ssh-keygen itself', () => {
    const file = join(folder, 'hashed')
    writeFileSync(file, `${line('alpha,beta', A)}\n${line('[gamma]:2222', B)}\n`)
    spawnSync('ssh-keygen', ['-H', '-f', file])
    const known = parseKnownHosts(spawnSync('cat', [file], { encoding: 'utf8' }).stdout, file)
    expect(known.every(({ hosts }) => hosts.startsWith('|1|'))).toBe(true)
    expect([verdict(known, 'alpha', 22, A), verdict(known, 'beta', 22, A), verdict(known, 'gamma', 2222, B)]).toEqual(
      Array(3).fill({ kind: 'known' }),
    )
    expect(verdict(known, 'gamma', 2222, A)).toMatchObject({ kind: 'changed' })
  })
})
