/** Hops on the way to a host, compared with the real ssh. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Endpoint } from '../../../../runner/connection/connection.ts'
import { findRoute, parseJumps } from '../../../../runner/connection/ssh/route.ts'

const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const config = (text: string): string => {
  const file = join(folder, `config-${Math.random()}`)
  writeFileSync(file, text)
  return file
}
const endpoint = (change: Partial<Endpoint> = {}): Endpoint => ({
  name: 'compute14',
  kind: 'ssh',
  address: '10.0.0.14',
  ...change,
})
const route = (change: Partial<Endpoint>, text = '', env: Record<string, string> = {}) =>
  findRoute(endpoint(change), { env: { PATH: process.env['PATH'], ...env }, sshConfig: config(text) })

describe('ProxyJump', () => {
  test('as it is written', () => {
    expect(parseJumps('bastion')).toEqual([{ address: 'bastion' }])
    expect(parseJumps('ops@bastion:2222, ssh://[fe80::1]:22/,me@host')).toEqual([
      { address: 'bastion', user: 'ops', port: 2222 },
      { address: 'fe80::1', port: 22 },
      { address: 'host', user: 'me' },
    ])
  })
  test('what is none', () => {
    for (const text of ['', 'a:b', '-oProxyCommand=x', 'a,,b', 'fe80::1'])
      expect(() => parseJumps(text)).toThrow('is not a jump host')
  })
})

test('straight to the host: the endpoint wins, then the defaults', async () => {
  const [hop, ...others] = await route(
    { user: 'ops', port: 2222, password: 'p', identityFiles: ['~/k'], knownHosts: '~/known', connectTimeout: 4 },
    '',
    { SSH_AUTH_SOCK: '/agent' },
  )
  expect(others).toEqual([])
  expect(hop).toMatchObject({
    name: 'compute14',
    address: '10.0.0.14',
    port: 2222,
    user: 'ops',
    password: 'p',
    chosenIdentities: true,
    agent: '/agent',
    keyHost: '10.0.0.14',
    ownKnownHosts: `${userInfo().homedir}/known`,
    connectTimeout: 4,
    acceptNewHostKeys: false,
  })
  expect(hop?.identityFiles[0]).toBe(`${userInfo().homedir}/k`)
  expect(hop?.knownHosts[0]).toBe(`${userInfo().homedir}/known`)
  expect(await route({})).toMatchObject([
    { user: userInfo().username, port: 22, connectTimeout: 10, agent: undefined, chosenIdentities: false },
  ])
})

describe.skipIf(spawnSync('ssh', ['-V']).error !== undefined)('with a configuration', () => {
  const text = `Host 10.0.0.*
  ProxyJump inner
  IdentityAgent none
Host inner
  HostName 10.9.9.9
  User jumper
  ProxyJump outer
Host outer
  Port 2022
`
  test('bastions behind bastions, each with its own settings; the password is for the host alone', async () => {
    const hops = await route({ password: 'p', identityFiles: ['/k'] }, text, { SSH_AUTH_SOCK: '/agent' })
    expect(hops.map(({ name, address, port, user, password, agent }) => [name, address, port, user, password, agent])).toEqual([
      ['outer', 'outer', 2022, userInfo().username, undefined, '/agent'],
      ['inner', '10.9.9.9', 22, 'jumper', undefined, '/agent'],
      ['compute14', '10.0.0.14', 22, userInfo().username, 'p', undefined],
    ])
    expect(hops.every(({ identityFiles }) => identityFiles[0] === '/k')).toBe(true)
  })
  test('the endpoint says otherwise', async () => {
    expect((await route({ proxyJump: 'none' }, text)).map(({ name }) => name)).toEqual(['compute14'])
    expect((await route({ proxyJump: 'a,inner' }, text)).map(({ name }) => name)).toEqual(['a', 'inner', 'compute14'])
  })
  test('a bastion that is to be reached through itself', async () => {
    await expect(route({}, 'Host *\n  ProxyJump loop\n')).rejects.toMatchObject({
      kind: 'input',
      message: 'the ProxyJump of loop never ends',
    })
  })
  test('ProxyCommand and its tokens', async () => {
    const [hop] = await route({ user: 'ops' }, 'Host 10.0.0.14\n  HostName real\n  ProxyCommand nc -x proxy %h %p %r %n %%\n')
    expect(hop?.proxyCommand).toBe('nc -x proxy real 22 ops 10.0.0.14 %')
  })
  test('the agent by a variable', async () => {
    expect(await route({}, 'IdentityAgent $OTHER\n', { OTHER: '/other' })).toMatchObject([{ agent: '/other' }])
  })
})
