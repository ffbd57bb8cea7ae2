import { describe, expect, test } from 'vitest'
import { parseSshArguments } from '../../../../runner/connection/ssh/arguments.ts'
import { Failure } from '../../../../runner/base/failure.ts'

const nothing = { identityFiles: [], acceptNewHostKeys: false }
const parse = (text: string) => parseSshArguments(text, 'ansible_ssh_common_args')

const understood: readonly (readonly [string, object])[] = [
  ['', {}],
  ['-J bastion', { proxyJump: 'bastion' }],
  ['-Jops@bastion:2222,other', { proxyJump: 'ops@bastion:2222,other' }],
  ['-o ProxyJump=bastion', { proxyJump: 'bastion' }],
  ['-oProxyJump=bastion', { proxyJump: 'bastion' }],
  ["-o 'ProxyJump bastion'", { proxyJump: 'bastion' }],
  ['-o "UserKnownHostsFile=/tmp/known hosts"', { knownHosts: '/tmp/known hosts' }],
  ['-o StrictHostKeyChecking=accept-new', { acceptNewHostKeys: true }],
  ['-o StrictHostKeyChecking=yes -o stricthostkeychecking=ask', {}],
  ['-i ~/.ssh/one -o IdentityFile=two', { identityFiles: ['~/.ssh/one', 'two'] }],
  ['-p 2222 -l ops -o ConnectTimeout=5', { port: 2222, user: 'ops', connectTimeout: 5 }],
  ['-C -q -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=30', {}],
  [`-o ProxyCommand="ssh -W %h:%p -q ops@bastion"`, { proxyJump: 'ops@bastion' }],
  [`-o 'ProxyCommand=/usr/bin/ssh -p 2222 -l ops bastion -W %h:%p'`, { proxyJump: 'ops@bastion:2222' }],
]
for (const [text, expected] of understood)
  test(`${text || 'nothing'}`, () => expect(parse(text)).toEqual({ ...nothing, ...expected }))

describe('refused, with what to write instead', () => {
  const refused: readonly (readonly [string, string, string])[] = [
    ['-o StrictHostKeyChecking=no', '`StrictHostKeyChecking=no` is not supported', 'accept-new'],
    [`-o ProxyCommand="nc -x proxy %h %p"`, '`ProxyCommand` is not supported', '-J'],
    [`-o ProxyCommand="ssh -A bastion nc %h %p"`, '`ProxyCommand` is not supported', '-J'],
    ['-o GSSAPIAuthentication=yes', '`GSSAPIAuthentication` is not supported', '~/.ssh/config'],
    ['-F /etc/other', '`-F` is not supported', '~/.ssh/config'],
    ['-p two', '`Port two` is not a number', 'correct'],
    ['-o "ProxyJump', 'a quotation mark is missing', 'correct'],
  ]
  for (const [text, what, help] of refused) {
    test(text, () => {
      expect(() => parse(text)).toThrow(Failure)
      try {
        parse(text)
      } catch (error) {
        expect(error).toMatchObject({
          kind: 'input',
          message: `${what} in \`ansible_ssh_common_args\``,
          help: expect.stringContaining(help),
        })
      }
    })
  }
})
