/** ssh's configuration, compared with the real `ssh -G`. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { expandPath, parseSshConfig, readSshConfig } from '../../../../runner/connection/ssh/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const config = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const me = userInfo()

test('what ssh -G prints', () => {
  const text = `host a
user ops
hostname 10.0.0.1
port 2222
identitiesonly yes
hashknownhosts yes
identityfile ~/.ssh/one
identityfile /two
identityagent none
proxyjump ops@bastion:22
connecttimeout 7
hostkeyalias alias
userknownhostsfile /k1 /k2
globalknownhostsfile none
`
  expect(parseSshConfig(text)).toEqual({
    hostname: '10.0.0.1',
    port: 2222,
    user: 'ops',
    identityFiles: ['~/.ssh/one', '/two'],
    defaultIdentities: false,
    identityAgent: 'none',
    identitiesOnly: true,
    proxyJump: 'ops@bastion:22',
    proxyCommand: undefined,
    userKnownHosts: ['/k1', '/k2'],
    globalKnownHosts: [],
    hostKeyAlias: 'alias',
    hashKnownHosts: true,
    connectTimeout: 7,
  })
})

test('where there is no ssh, its defaults', async () => {
  expect(
    await readSshConfig({ address: 'some.host', port: 5 }, { env: { PATH: folder }, sshConfig: config('empty', '') }),
  ).toMatchObject({
    hostname: 'some.host',
    port: 5,
    user: me.username,
    identityFiles: ['~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ed25519'],
    defaultIdentities: true,
    userKnownHosts: ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'],
    connectTimeout: undefined,
  })
})

test('names of files', () => {
  const tokens = { host: 'h', port: 5, user: 'r' }
  expect(expandPath('~/.ssh/id', tokens)).toBe(`${me.homedir}/.ssh/id`)
  expect(expandPath('/k/%h-%p-%r-%u-%%-%i', tokens)).toBe(`/k/h-5-r-${me.username}-%-${me.uid}`)
  expect(expandPath('~other/x', tokens)).toBe('~other/x')
})

describe.skipIf(spawnSync('ssh', ['-V']).error !== undefined)('as ssh reads it', () => {
  const ask = (file: string, address: string, more: object = {}) =>
    readSshConfig({ address, ...more }, { env: process.env, sshConfig: file })

  test('Host, Match, Include, several files; what is asked for explicitly wins', async () => {
    const included = config('included', 'Host *.lab\n  Port 2201\n  HostKeyAlias %h-key\n')
    const file = config(
      'main',
      `Include ${included}\nHost alias\n  HostName real.example\n  User ops\n  IdentityFile ~/.ssh/lab\n  ProxyJump bastion\nMatch user root\n  ConnectTimeout 3\n`,
    )
    expect(await ask(file, 'alias')).toMatchObject({
      hostname: 'real.example',
      user: 'ops',
      identityFiles: ['~/.ssh/lab'],
      defaultIdentities: false,
      proxyJump: 'bastion',
    })
    expect(await ask(file, 'alias', { user: 'root', port: 99 })).toMatchObject({ user: 'root', port: 99, connectTimeout: 3 })
    expect(await ask(file, 'x.lab')).toMatchObject({ hostname: 'x.lab', port: 2201 })
    expect(await ask(file, 'other')).toMatchObject({ hostname: 'other', port: 22, proxyJump: undefined })
  })

  test('one call serves all hosts where no line is about certain ones', async () => {
    // A stand-in that counts its calls and passes them on: the test is about the number of calls.
    const bin = mkdtempSync(join(folder, 'bin-'))
    writeFileSync(join(bin, 'ssh'), `#!/bin/sh\necho x >>${bin}/calls\nexec /usr/bin/env PATH="$REAL" ssh "$@"\n`)
    chmodSync(join(bin, 'ssh'), 0o755)
    const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, REAL: process.env['PATH'] ?? '' }
    const calls = () => readFileSync(join(bin, 'calls'), 'utf8').split('\n').length - 1
    const general = config('general', 'ServerAliveInterval 5\nHost *\n  ConnectTimeout 4\n')
    const found = await Promise.all(
      ['one', 'two', 'three'].map((address) => readSshConfig({ address }, { env, sshConfig: general })),
    )
    expect([found.map(({ hostname, connectTimeout }) => [hostname, connectTimeout]), calls()]).toEqual([
      [
        ['one', 4],
        ['two', 4],
        ['three', 4],
      ],
      1,
    ])
    const special = config('special', 'Host two\n  ConnectTimeout 9\n')
    const own = await Promise.all(['one', 'two'].map((address) => readSshConfig({ address }, { env, sshConfig: special })))
    expect([own.map(({ connectTimeout }) => connectTimeout), calls()]).toEqual([[undefined, 9], 3])
  })

  test('a configuration that ssh refuses', async () => {
    await expect(ask(config('wrong', 'NoSuchOption yes\n'), 'x')).rejects.toMatchObject({
      kind: 'input',
      why: expect.stringContaining('bad configuration options'),
    })
  })
})
