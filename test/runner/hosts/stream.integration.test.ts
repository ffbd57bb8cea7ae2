import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectSsh } from '../../../runner/connection/ssh/ssh.ts'
import { defineModule, Failure } from '../../../runner/module.ts'
import { addUser, type Sshd, startSshd, type TestUser } from '../connection/sshd.ts'
import { play } from '../../scenes/play.ts'

describe.skipIf(process.getuid?.() !== 0)('a step that sends a file', () => {
  let sshd: Sshd
  let users: Record<string, TestUser>
  beforeAll(async () => {
    sshd = await startSshd({ config: ['AuthorizedKeysFile .ssh/authorized_keys'] })
    users = { a: addUser(), b: addUser() }
    for (const { name, home } of Object.values(users)) {
      mkdirSync(join(home, '.ssh'))
      copyFileSync(`${sshd.identity}.pub`, join(home, '.ssh/authorized_keys'))
      execFileSync('chown', ['-R', `${name}:${name}`, home])
    }
  })
  afterAll(async () => {
    await sshd.stop()
    for (const user of Object.values(users)) user.remove()
  })

  /** Sends the file `disk` of its host's user to another host. */
  const send = defineModule({
    name: 'send',
    summary: 'Send a file.',
    params: {
      type: 'object',
      additionalProperties: false,
      required: ['to'],
      properties: { to: { type: 'string', description: 'Host.' } },
    },
    examples: [],
    async check({ to }, target) {
      const there = await (await target.on(to)).stat('disk')
      const resource = { host: to, kind: 'file', name: 'disk' } as const
      return { before: undefined, changes: there === undefined ? [{ resource, before: 'absent', after: 'file' }] : [] }
    },
    async apply({ to }, _diff, target) {
      const from = ['sh', '-c', 'printf %s "$GREETING" | cat - disk']
      const stream = target.stream('test-disk', to, { from, into: ['sh', '-c', 'cat >part && mv part disk'] })
      await stream.start()
      const { code, stderr } = await stream.follow()
      if (code !== 0) throw new Failure('the file was not sent', { stderr })
      await stream.remove()
    },
  })

  test('names only the other host of the inventory; the program that sends has the task’s environment', async () => {
    writeFileSync(join(users['a']!.home, 'disk'), 'content')
    const tasks = '    tasks:\n      - { name: Send, send: { to: b }, environment: { GREETING: "the " } }\n'
    const played = await play(`name: p\nplays:\n  - hosts: a\n${tasks}`, {
      modules: [send],
      connection: ({ name }) =>
        connectSsh(sshd.endpoint({ name, user: users[name]!.name }), {
          env: { PATH: process.env['PATH'] },
          sshConfig: '/dev/null',
        }),
    })
    expect(played.outcomes).toEqual(['a Send: changed'])
    expect(readFileSync(join(users['b']!.home, 'disk'), 'utf8')).toBe('the content')
  })
})
