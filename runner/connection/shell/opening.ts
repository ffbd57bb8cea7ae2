/** Starts the host program: login shell, sudo, banners, and what can go wrong there. Called by pool.ts. */
import { Failure } from '../../base/failure.ts'
import { duration } from '../../base/format.ts'
import { quoteWord } from '../../source/shell-words.ts'
import { hideValue } from '../../base/secret-values.ts'
import type { Become } from '../connection.ts'
import { loader, nonce } from './host-program.ts'
import type { Pipe } from './shell.ts'

/** The start of a shell: its arguments, and the line that reports it ready. */
export interface Opening {
  /** Arguments of `/bin/sh`. */
  readonly argv: readonly string[]
  readonly ready: string
  /** The prompt that sudo prints before the password. */
  readonly prompt: string
}

/** Makes the opening for the login user, or for another user by sudo. Throws `Failure` for an invalid user name. */
export function openingFor(become: Become | undefined): Opening {
  const ready = `ready-${nonce()}`
  const prompt = `password-${nonce()}`
  if (become === undefined) return { argv: ['-c', loader(ready)], ready, prompt }
  if (!/^[A-Za-z0-9_.@][A-Za-z0-9_.@$-]*$/.test(become.user)) {
    throw new Failure(`\`${become.user}\` cannot be the name of a user`, { kind: 'input', help: 'correct become_user' })
  }
  if (become.password !== undefined && /[\r\n\0]/.test(become.password)) {
    throw new Failure('the password for sudo holds a line break', { kind: 'input', help: 'correct ansible_become_password' })
  }
  // sudo prints English, so that its messages can be matched. Later commands use the user's own language.
  const script = [
    'if [ "$(id -un)" = "$1" ]; then exec /bin/sh -c "$0"; fi',
    'command -v sudo >/dev/null || { echo "sudo: not found" >&2; exit 127; }',
    'LC_ALL=C; export LC_ALL',
    become.password === undefined
      ? 'exec sudo -H -n -u "$1" -- /bin/sh -c "$3$0"'
      : 'exec sudo -H -S -p "$2" -u "$1" -- /bin/sh -c "$3$0"',
  ].join(';')
  return { argv: ['-c', script, loader(ready), become.user, prompt, 'unset LC_ALL;'], ready, prompt }
}

/**
 * An opening as one line for a login shell (bash, zsh, csh or fish): single-quoted words, without a backslash or `!`.
 */
export const commandLine = ({ argv }: Opening): string => `exec /bin/sh ${argv.map(quoteWord).join(' ')}`

/**
 * Waits for the `ready` line, ignoring earlier output of a login shell's start-up files, and answers sudo's prompt.
 * Throws `Failure`: kind `unreachable` if no shell starts, `failed` if sudo refuses.
 */
export async function greet(pipe: Pipe, opening: Opening, become: Become | undefined, seconds: number): Promise<void> {
  let output = ''
  let errors = ''
  let asked = 0
  const noise = () => hideValue(lastLines(`${output}\n${errors}`.replaceAll(opening.prompt, '')), become?.password)
  let resolve = () => {}
  let reject: (failure: Failure) => void = () => {}
  const settled = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })

  const onOutput = (chunk: Buffer) => {
    output += chunk.toString('latin1')
    const at = output.indexOf(`${opening.ready}\n`)
    if (at < 0) {
      output = output.slice(-maxNoise)
      return
    }
    pipe.stdout.off('data', onOutput)
    pipe.stdout.pause()
    const rest = output.slice(at + opening.ready.length + 1)
    if (rest !== '') pipe.stdout.unshift(Buffer.from(rest, 'latin1'))
    resolve()
  }
  const onErrors = (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-maxNoise)
    const prompts = errors.split(opening.prompt).length - 1
    if (become?.password === undefined || prompts <= asked) return
    asked = prompts
    if (asked === 1) pipe.stdin.write(`${become.password}\n`)
    // sudo would ask a third time; each wrong password counts towards locking the account.
    else reject(sudoFailure(become, noise(), 'Sorry, try again'))
  }
  pipe.stdout.on('data', onOutput)
  pipe.stderr.on('data', onErrors)
  void pipe.ended.then((how) =>
    reject(become === undefined ? noShell(how, noise()) : sudoFailure(become, noise() || how, `${errors}${output}`)),
  )
  const timer = setTimeout(
    () =>
      reject(
        new Failure(become === undefined ? 'the login shell did not start' : 'sudo did not start a shell', {
          kind: become === undefined ? 'unreachable' : 'failed',
          why: [`no answer in ${duration(seconds)}`, noise()].filter(Boolean).join('; it said: '),
          help: 'log in by hand and look for what waits: a start-up file that reads input, or a question',
        }),
      ),
    seconds * 1000,
  )
  try {
    await settled
  } catch (error) {
    pipe.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    pipe.stdout.off('data', onOutput)
    pipe.stderr.off('data', onErrors)
    pipe.stderr.resume()
  }
}

/** Characters to keep of a start-up file's output. */
const maxNoise = 8192

const noShell = (how: string, noise: string): Failure =>
  new Failure('no shell on the host', {
    kind: 'unreachable',
    why: [`the login ended with ${how}`, noise].filter(Boolean).join('; it said: '),
    help: 'give the account a login shell that can run /bin/sh, without a forced command',
  })

/** Explains sudo's messages in English (sudo 1.8 and 1.9). */
function sudoFailure(become: Become, why: string, said: string): Failure {
  const { user } = become
  const failure = (what: string, help: string) => new Failure(what, { why, help })
  if (/sudo: not found/.test(said))
    return failure('sudo not found on the host', 'install sudo, or log in as the user that is needed')
  if (/must have a tty/.test(said)) {
    return failure('sudo requires a terminal', 'remove `requiretty` for this user in sudoers: `Defaults:USER !requiretty`')
  }
  if (/Sorry, try again|incorrect password/.test(said)) {
    return failure(`sudo refused the password to become \`${user}\``, 'correct ansible_become_password, or the answer to -K')
  }
  if (/password is required|no password was provided|terminal is required/.test(said)) {
    return failure(
      `sudo requires a password to become \`${user}\``,
      'give it with -K or ansible_become_password, or allow it with NOPASSWD in sudoers',
    )
  }
  if (/unknown user/.test(said)) return failure(`unknown user \`${user}\` on the host`, 'correct become_user')
  return failure(`sudo does not let this login become \`${user}\``, 'check the output of `sudo -l` on the host')
}

const lastLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .slice(-5)
    .join(' / ')
