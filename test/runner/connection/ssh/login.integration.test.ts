/** Logins to a real sshd: host keys, identities, agents, passphrases. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { NodeSSH } from 'node-ssh'
import { describe, expect, test } from 'vitest'
import { hostKeyCheck } from '../../../../runner/connection/ssh/host-keys.ts'
import { fingerprint } from '../../../../runner/connection/ssh/known-hosts.ts'
import { env, file, folder, refusal, server, ssh, strange, useServer, works } from '../ssh-setup.ts'
import { authorize, makeKey, startAgent, startSshd } from '../sshd.ts'

useServer()

const blob = (type: string) => Buffer.from(server.hostKeys[type]?.split(' ')[1] ?? '', 'base64')
const at = () => `[127.0.0.1]:${server.port}`

describe('host keys', () => {
  test('unknown: refused before any secret is sent, with the fingerprint and what accepts it', async () => {
    const failure = await refusal(ssh(server.endpoint({ knownHosts: file('none', '') })))
    expect(failure).toMatchObject({
      kind: 'unreachable',
      message: `unknown host key of server (${at()})`,
      data: { fingerprint: fingerprint(blob('ed25519')) },
    })
    expect(failure.help).toContain('--accept-new-host-keys')
    expect(failure.help).toContain(
      `ssh -o UserKnownHostsFile=${join(folder, 'none')} -p ${server.port} ${userInfo().username}@127.0.0.1`,
    )
  })

  test('unknown, and accepted: remembered, so that ssh itself and a second connection know it', async () => {
    const known = join(folder, 'accepted')
    await works(await ssh(server.endpoint({ knownHosts: known, acceptNewHostKeys: true })))
    await works(await ssh(server.endpoint({ knownHosts: known })))
    expect(readFileSync(known, 'utf8').split('\n')).toHaveLength(2)
    const args = [
      '-F',
      'none',
      '-o',
      `UserKnownHostsFile=${known}`,
      '-o',
      'StrictHostKeyChecking=yes',
      '-i',
      server.identity,
      '-p',
      String(server.port),
      '127.0.0.1',
      'echo',
      'in',
    ]
    expect(execFileSync('ssh', args, { encoding: 'utf8', stdio: 'pipe' })).toBe('in\n')
  })

  test('changed: refused with both fingerprints and the line, also when new keys are accepted', async () => {
    const other = strange()
    const known = file('changed', `# a comment\n${at()} ${other}\n`)
    const failure = await refusal(ssh(server.endpoint({ knownHosts: known, acceptNewHostKeys: true })))
    expect(failure).toMatchObject({
      kind: 'unreachable',
      message: `the host key of server (${at()}) has changed`,
      why: `it shows ED25519 ${fingerprint(blob('ed25519'))}, but ${known}:2 has ED25519 ${fingerprint(Buffer.from(other.split(' ')[1] ?? '', 'base64'))}`,
    })
    expect(readFileSync(known, 'utf8')).toBe(`# a comment\n${at()} ${other}\n`)
    expect(server.log()).not.toContain('Accepted password')
  })

  test('revoked', async () => {
    const known = file('revoked', `${at()} ${server.hostKeys['ed25519']}\n@revoked * ${server.hostKeys['ed25519']}\n`)
    expect((await refusal(ssh(server.endpoint({ knownHosts: known })))).message).toBe(
      `the host key of server (${at()}) is revoked`,
    )
  })

  test('known by an authority alone', async () => {
    const known = file('authority', `@cert-authority * ${strange()}\n`)
    expect((await refusal(ssh(server.endpoint({ knownHosts: known })))).why).toContain('certificates cannot be checked here')
  })

  test('hashed, wildcard, without the port', async () => {
    const hashed = file('hashed', `${at()} ${server.hostKeys['ed25519']}\n`)
    execFileSync('ssh-keygen', ['-H', '-f', hashed], { stdio: 'pipe' })
    expect(readFileSync(hashed, 'utf8')).toMatch(/^\|1\|/)
    await works(await ssh(server.endpoint({ knownHosts: hashed })))
    await works(
      await ssh(server.endpoint({ knownHosts: file('wildcard', `[127.*.1]:*,!other ${server.hostKeys['ed25519']}\n`) })),
    )
    await works(await ssh(server.endpoint({ knownHosts: file('plain', `127.0.0.1 ${server.hostKeys['ed25519']}\n`) })))
  })

  test.each(['ed25519', 'rsa', 'ecdsa'])('a host that is known by its %s key alone is asked for that one', async (type) => {
    await works(await ssh(server.endpoint({ knownHosts: file(`only-${type}`, `${at()} ${server.hostKeys[type]}\n`) })))
  })

  test('another key type than the one on file is a changed key, even when new keys are accepted', async () => {
    const lone = await startSshd({ hostKeyTypes: ['ed25519'] })
    try {
      const known = file('other-type', `[127.0.0.1]:${lone.port} ${server.hostKeys['rsa']}\n`)
      expect((await refusal(ssh(lone.endpoint({ knownHosts: known, acceptNewHostKeys: true })))).message).toContain('has changed')
    } finally {
      await lone.stop()
    }
  })

  test('why the verifier must not be async: ssh2 takes its promise for consent, ours says no at once', async () => {
    const careless = new NodeSSH()
    const hostVerifier = async () => false
    await careless.connect({
      host: '127.0.0.1',
      port: server.port,
      username: userInfo().username,
      privateKeyPath: server.identity,
      hostVerifier: hostVerifier as never,
    })
    expect(careless.isConnected()).toBe(true)
    careless.dispose()
    const { verify } = hostKeyCheck({
      name: 'x',
      address: 'x',
      port: 22,
      host: 'x',
      keyPort: 22,
      user: 'x',
      files: [],
      ownFile: undefined,
      acceptNew: false,
      hashed: false,
    })
    expect(verify(blob('ed25519'))).toBe(false)
  })

  test('new keys exchanged in the middle of a transfer are verified and do not stop it', async () => {
    const busy = await startSshd({ config: ['RekeyLimit 1M'] })
    try {
      const host = (await ssh(busy.endpoint({ knownHosts: join(folder, 'rekey'), acceptNewHostKeys: true }))).as(undefined)
      const big = Buffer.alloc(8 * 1024 * 1024, 'x')
      expect(Buffer.from((await host.run(['cat'], { stdin: big })).bytes).equals(big)).toBe(true)
    } finally {
      await busy.stop()
    }
  })
})

describe('logging in', () => {
  const authFailure = `cannot log in to server (127.0.0.1 port %): permission denied for ${userInfo().username}`
  const denied = () => authFailure.replace('%', String(server.port))

  test('no key fits: what was tried, what the server takes', async () => {
    const wrong = makeKey(join(folder, 'wrong'))
    const failure = await refusal(ssh(server.endpoint({ identityFiles: [wrong], password: 'hunter2-secret' })))
    expect(failure).toMatchObject({ kind: 'unreachable', message: denied() })
    expect(failure.why).toContain(wrong)
    expect(failure.why).toContain('it accepts publickey')
    expect(JSON.stringify({ ...failure, stack: failure.stack })).not.toContain('hunter2-secret')
  })

  test('a wrong key before the right one', async () => {
    await works(await ssh(server.endpoint({ identityFiles: [makeKey(join(folder, 'wrong2')), server.identity] })))
  })

  test('an encrypted key, a missing one, one that others may read, one that is none: passed over, and told', async () => {
    const encrypted = makeKey(join(folder, 'encrypted'), { passphrase: 'secret words' })
    const exposed = join(folder, 'exposed')
    copyFileSync(server.identity, exposed)
    chmodSync(exposed, 0o644)
    const garbage = file('garbage', 'no key')
    chmodSync(garbage, 0o600)
    const files = [encrypted, join(folder, 'missing'), exposed, garbage]
    const failure = await refusal(ssh(server.endpoint({ identityFiles: files })))
    expect(failure.why).toContain(`${encrypted}: it is encrypted: ssh-add ${encrypted}`)
    expect(failure.why).toContain(`${join(folder, 'missing')}: file not found`)
    expect(failure.why).toContain(`${exposed}: others may read it (mode 0644)`)
    expect(failure.why).toContain(garbage)
    await works(await ssh(server.endpoint({ identityFiles: [...files, server.identity] })))
  })

  test.each(['rsa', 'ecdsa'])('a key of type %s', async (type) => {
    const key = makeKey(join(folder, `as-${type}`), { type })
    authorize(server, `${key}.pub`)
    await works(await ssh(server.endpoint({ identityFiles: [key] })))
  })

  test('the agent: its keys, and the key of an encrypted file among many others', async () => {
    const agent = startAgent(folder)
    try {
      while (!existsSync(agent.socket)) await new Promise((resolve) => setTimeout(resolve, 20))
      const many = { env: { ...env, SSH_AUTH_SOCK: agent.socket } }
      agent.add(server.identity)
      await works(await ssh(server.endpoint({ identityFiles: [] }), many))

      const encrypted = makeKey(join(folder, 'in-agent'), { passphrase: 'secret words' })
      authorize(server, `${encrypted}.pub`)
      const helper = file('askpass', '#!/bin/sh\necho secret words\n')
      chmodSync(helper, 0o700)
      for (let index = 0; index < 7; index++) agent.add(makeKey(join(folder, `other-${index}`)))
      execFileSync('ssh-add', ['-q', encrypted], {
        env: { ...many.env, SSH_ASKPASS: helper, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: 'x' },
        stdio: 'pipe',
      })
      rmSync(`${encrypted}.pub`)
      execFileSync('ssh-add', ['-q', '-d', server.identity], { env: many.env, stdio: 'pipe' })
      // Seven others first would be one more than the server allows.
      await works(await ssh(server.endpoint({ identityFiles: [encrypted] }), many))
      const failure = await refusal(ssh(server.endpoint({ identityFiles: [] }), many))
      expect(failure).toMatchObject({
        why: expect.stringContaining('Too many authentication failures'),
        help: expect.stringContaining('IdentitiesOnly'),
      })
      const only = file('only', `IdentityAgent ${agent.socket}\nIdentitiesOnly yes\nIdentityFile ${encrypted}\n`)
      await works(await ssh(server.endpoint({ identityFiles: [] }), { sshConfig: only }))
    } finally {
      agent.stop()
    }
  })

  test('an agent that is not there is no reason to stop', async () => {
    await works(await ssh(server.endpoint(), { env: { ...env, SSH_AUTH_SOCK: join(folder, 'no-agent') } }))
  })

  test('an alias of ssh_config', async () => {
    const config = file(
      'alias',
      `Host node\n  HostName 127.0.0.1\n  Port ${server.port}\n  User ${userInfo().username}\n  IdentityFile ${server.identity}\n  UserKnownHostsFile ${server.knownHosts}\n`,
    )
    await works(await ssh({ name: 'node', kind: 'ssh', address: 'node' }, { sshConfig: config }))
  })

  test('HostKeyAlias and ProxyCommand', async () => {
    const known = file('aliased', `thealias ${server.hostKeys['ed25519']}\n`)
    const relay = `${process.execPath} -e 'const s=require("net").connect(${server.port},"127.0.0.1");process.stdin.pipe(s).pipe(process.stdout)'`
    const config = file('proxy', `Host far\n  HostKeyAlias thealias\n  Port 22\n  ProxyCommand ${relay}\n`)
    await works(
      await ssh(
        {
          name: 'far',
          kind: 'ssh',
          address: 'far',
          user: userInfo().username,
          identityFiles: [server.identity],
          knownHosts: known,
        },
        { sshConfig: config },
      ),
    )
  })
})
