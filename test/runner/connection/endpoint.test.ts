/** The endpoint of a host and the user to become, from `ansible_*` variables. */
import { describe, expect, test } from 'vitest'
import { becomeFrom, endpointFrom } from '../../../runner/connection/endpoint.ts'
import { Failure } from '../../../runner/base/failure.ts'

const refusal = (work: () => unknown): Failure => {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(Failure)
    return error as Failure
  }
  throw new Error('it was not refused')
}

describe('where a host is', () => {
  test('nothing said', () =>
    expect(endpointFrom('compute14', {})).toEqual({ name: 'compute14', kind: 'ssh', address: 'compute14' }))

  test('all that an inventory can say', () => {
    const vars = {
      ansible_host: '10.0.0.14',
      ansible_port: '2222',
      ansible_user: 'ops',
      ansible_password: 12345,
      ansible_ssh_private_key_file: '~/.ssh/ops',
      ansible_ssh_common_args: '-J bastion -o UserKnownHostsFile=/k',
      ansible_ssh_extra_args: '-o StrictHostKeyChecking=accept-new -i more',
      ansible_timeout: 30,
      ansible_python_interpreter: '/usr/bin/python3',
      ansible_shell_type: 'sh',
      ansible_ssh_pipelining: true,
      unrelated: { deep: true },
    }
    expect(endpointFrom('compute14', vars, { user: 'other', port: 1, acceptNewHostKeys: false })).toEqual({
      name: 'compute14',
      kind: 'ssh',
      address: '10.0.0.14',
      port: 2222,
      user: 'ops',
      password: '12345',
      identityFiles: ['~/.ssh/ops', 'more'],
      proxyJump: 'bastion',
      knownHosts: '/k',
      acceptNewHostKeys: true,
      connectTimeout: 30,
    })
  })

  test('the play and the command line say what the inventory does not', () => {
    expect(endpointFrom('a', {}, { user: 'ops', port: 22, acceptNewHostKeys: true })).toEqual({
      name: 'a',
      kind: 'ssh',
      address: 'a',
      user: 'ops',
      port: 22,
      acceptNewHostKeys: true,
    })
    expect(endpointFrom('a', { ansible_user: '' }, { user: undefined })).toEqual({ name: 'a', kind: 'ssh', address: 'a' })
  })

  test('old names', () => {
    const vars = { ansible_ssh_host: 'h', ansible_ssh_port: 5, ansible_ssh_user: 'u', ansible_ssh_pass: 'p' }
    expect(endpointFrom('a', vars)).toMatchObject({ address: 'h', port: 5, user: 'u', password: 'p' })
  })

  test('this machine', () => {
    expect(endpointFrom('localhost', {}).kind).toBe('local')
    expect(endpointFrom('localhost', { ansible_port: 2222 }).kind).toBe('ssh')
    expect(endpointFrom('localhost', { ansible_host: '127.0.0.1' }).kind).toBe('ssh')
    expect(endpointFrom('localhost', { ansible_connection: 'ssh' }).kind).toBe('ssh')
    expect(endpointFrom('any', { ansible_connection: 'ansible.builtin.local' }).kind).toBe('local')
  })

  const refused: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['another connection', { ansible_connection: 'winrm' }, '`ansible_connection: winrm` is not supported'],
    ['another ssh', { ansible_ssh_executable: '/opt/ssh' }, '`ansible_ssh_executable` is not supported'],
    ['host keys unchecked', { ansible_host_key_checking: 'False' }, '`ansible_host_key_checking: false` is not supported'],
    ['a passphrase', { ansible_ssh_private_key_passphrase: 'hush' }, '`ansible_ssh_private_key_passphrase` is not supported'],
    ['PowerShell', { ansible_shell_type: 'powershell' }, '`ansible_shell_type: powershell` is not supported'],
    ['a port that is none', { ansible_port: 'ssh' }, '`ansible_port` must be a port number from 1 to 65535'],
    ['port 0', { ansible_port: 0 }, '`ansible_port` must be a port number from 1 to 65535'],
    ['a user that is a list', { ansible_user: ['a'] }, '`ansible_user` must be text'],
    ['an address that is an option', { ansible_host: '-oProxyCommand=x' }, '`-oProxyCommand=x` cannot be the address of a host'],
    ['arguments not understood', { ansible_ssh_args: '-o Tunnel=yes' }, '`Tunnel` is not supported in `ansible_ssh_args`'],
  ]
  for (const [what, vars, message] of refused) {
    test(`refused: ${what}`, () => {
      const failure = refusal(() => endpointFrom('a', vars))
      expect(failure).toMatchObject({ kind: 'input', message, help: expect.any(String) })
      expect(JSON.stringify([failure.message, failure.why, failure.help])).not.toContain('hush')
    })
  }
})

describe('whom to become', () => {
  test('nobody', () => {
    expect(becomeFrom({})).toBeUndefined()
    expect(becomeFrom({ ansible_become: 'no', ansible_become_user: 'x' }, { wanted: true })).toBeUndefined()
  })
  test('root, unless something is said', () => {
    expect(becomeFrom({}, { wanted: true })).toEqual({ user: 'root', method: 'sudo' })
    expect(becomeFrom({ ansible_become: 'yes' }, { user: 'nova', password: 'p' })).toEqual({
      user: 'nova',
      method: 'sudo',
      password: 'p',
    })
  })
  test('the inventory goes first; old names', () => {
    expect(
      becomeFrom({ ansible_become: true, ansible_become_user: 'a', ansible_become_pass: 'p' }, { user: 'b', password: 'q' }),
    ).toEqual({ user: 'a', method: 'sudo', password: 'p' })
    expect(
      becomeFrom({ ansible_sudo_pass: 'p', ansible_become_method: 'ansible.builtin.sudo' }, { wanted: true })?.password,
    ).toBe('p')
  })
  test('refused: other ways', () => {
    expect(refusal(() => becomeFrom({ ansible_become_method: 'su' }, { wanted: true }))).toMatchObject({
      kind: 'input',
      message: '`ansible_become_method: su` is not supported',
    })
    expect(refusal(() => becomeFrom({ ansible_become_flags: '-E' }, { wanted: true }))).toMatchObject({
      message: '`ansible_become_flags: -E` is not supported',
    })
    expect(refusal(() => becomeFrom({ ansible_become: 'maybe' }))).toMatchObject({
      message: '`ansible_become` must be true or false',
    })
    expect(becomeFrom({ ansible_become_method: 'su' })).toBeUndefined()
  })
})
