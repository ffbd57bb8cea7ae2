/** The command that opens a shell, and sudo's answers. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Become } from '../../../../runner/connection/connection.ts'
import { commandLine, greet, openingFor, type Opening } from '../../../../runner/connection/shell/opening.ts'
import type { Pipe } from '../../../../runner/connection/shell/shell.ts'
import type { Failure } from '../../../../runner/base/failure.ts'

/** A real process in place of the login shell. */
function pipe(program: string, args: readonly string[]): Pipe {
  const child = spawn(program, args)
  child.stdin.on('error', () => undefined)
  const ended = new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(signal === null ? `exit status ${code}` : `signal ${signal}`)),
  )
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, destroy: () => void child.kill() }
}
const login = (opening: Opening, before = '') => pipe('/bin/sh', ['-c', `${before}\n${commandLine(opening)}`])
const refusal = (work: Promise<void>): Promise<Failure> =>
  work.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: Failure) => error,
  )

const root: Become = { user: 'root', method: 'sudo' }

test('one line that any login shell understands: words in single quotes, with nothing in them that csh or fish would take', () => {
  for (const become of [undefined, root, { ...root, user: 'svc.nova-1$', password: 'x' }]) {
    const line = commandLine(openingFor(become))
    expect(line).toMatch(/^exec \/bin\/sh(?: '[^'\\!\n]*'| )+$/)
    expect(line).not.toContain('\\')
    expect(line.length).toBeLessThan(1000)
  }
})

for (const shell of ['/bin/dash', '/bin/bash', '/bin/csh', '/usr/bin/fish', '/bin/zsh', '/bin/ksh'].filter(existsSync)) {
  test(`${shell} as the login shell gets as far as the program`, () => {
    const opening = openingFor(undefined)
    expect(execFileSync(shell, ['-c', commandLine(opening)], { input: 'echo went on', encoding: 'utf8' })).toContain(
      opening.ready,
    )
  })
}

test('users and passwords that are none are refused before anything is sent', () => {
  for (const user of ['', '-u', 'a b', "a'b", 'a\nb', '$(id)'])
    expect(() => openingFor({ ...root, user })).toThrow('cannot be the name of a user')
  expect(() => openingFor({ ...root, password: 'a\nb' })).toThrow('the password for sudo holds a line break')
})

describe('waiting for the shell', () => {
  test('whatever is printed before it', async () => {
    const opening = openingFor(undefined)
    const noisy = login(
      opening,
      `echo Welcome; printf 'ready-'; head -c 100000 /dev/zero; printf '\\377\\n'; echo ${opening.ready.slice(0, -1)}; echo motd >&2`,
    )
    await greet(noisy, opening, undefined, 10)
    noisy.stdin.end()
    await noisy.ended
  })

  test('no shell: what it said is told', async () => {
    const opening = openingFor(undefined)
    expect(
      await refusal(
        greet(pipe('/bin/sh', ['-c', 'echo This account is currently not available.; exit 1']), opening, undefined, 10),
      ),
    ).toMatchObject({
      kind: 'unreachable',
      message: 'no shell on the host',
      why: 'the login ended with exit status 1; it said: This account is currently not available.',
    })
  })

  test('a start-up file that waits', async () => {
    const opening = openingFor(undefined)
    expect(await refusal(greet(login(opening, 'echo "Your name?"; sleep 60'), opening, undefined, 0.3))).toMatchObject({
      kind: 'unreachable',
      message: 'the login shell did not start',
      why: 'no answer in 0.3 s; it said: Your name?',
    })
  })
})

describe('sudo, by its own words', () => {
  const password = 'hunter2-secret'
  const said: readonly (readonly [string, string])[] = [
    ['sudo: a password is required', 'sudo requires a password to become `root`'],
    ['sudo: sorry, you must have a tty to run sudo', 'sudo requires a terminal'],
    ['sudo: unknown user: ghost', 'unknown user `root` on the host'],
    ['ops is not in the sudoers file.', 'sudo does not let this login become `root`'],
    ['sudo: not found', 'sudo not found on the host'],
  ]
  for (const [words, message] of said) {
    test(words, async () => {
      const failure = await refusal(greet(pipe('/bin/sh', ['-c', `echo '${words}' >&2; exit 1`]), openingFor(root), root, 10))
      expect(failure).toMatchObject({ kind: 'failed', message, why: words, help: expect.any(String) })
    })
  }

  test('the password goes to the prompt, once, and into no message even where it is echoed', async () => {
    const become = { ...root, password }
    const opening = openingFor(become)
    const asking = `printf %s '${opening.prompt}' >&2; read -r p; echo "got $p" >&2; printf %s '${opening.prompt}' >&2; read -r p; echo "and $p" >&2`
    const failure = await refusal(greet(pipe('/bin/sh', ['-c', asking]), opening, become, 10))
    expect(failure).toMatchObject({
      kind: 'failed',
      message: 'sudo refused the password to become `root`',
      why: 'got (hidden)',
    })
    expect(JSON.stringify({ ...failure, stack: failure.stack })).not.toContain(password)
  })

  test('another question than ours', async () => {
    const become = { ...root, password }
    const failure = await refusal(
      greet(pipe('/bin/sh', ['-c', 'printf "Verification code: " >&2; sleep 60']), openingFor(become), become, 0.3),
    )
    expect(failure).toMatchObject({
      message: 'sudo did not start a shell',
      why: 'no answer in 0.3 s; it said: Verification code:',
    })
  })
})
