/** The contract of every connection about commands. Called by contract.ts, for ssh and local. */
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isUnicode, type Subject } from './contract-subject.ts'
import { alive, running } from './processes.ts'

export function runsCommands(subject: Subject): void {
  const { path, sh, failure } = subject

  describe('commands', () => {
    test('standard output, standard error and exit status, each exact', async () => {
      const output = await sh('printf "no newline"; printf "two\\nlines\\n\\n" >&2; exit 3')
      expect(output).toMatchObject({ code: 3, stdout: 'no newline', stderr: 'two\nlines\n\n' })
    })

    test('no output at all', async () => {
      expect(await subject.host.run(['true'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    })

    test('a command that is not there is a result, as in a shell', async () => {
      const output = await subject.host.run(['no-such-program-here'])
      expect(output.code).toBe(127)
      expect(output.stderr).toContain('no-such-program-here')
    })

    test('a command killed by a signal', async () => {
      expect(await sh('kill -KILL $$')).toMatchObject({ code: 137 })
      expect(await sh('kill -TERM $$')).toMatchObject({ code: 143 })
    })

    test('a command that kills all of its process group', async () => {
      expect(await sh('kill -KILL 0; sleep 60')).toMatchObject({ code: 137 })
      expect(await sh('echo still here')).toMatchObject({ code: 0, stdout: 'still here\n' })
    })

    test('interrupts are not ignored, as they are in a background job of sh', async () => {
      expect(await sh('kill -INT $$; echo survived')).toMatchObject({ code: 130, stdout: '' })
    })

    test('arguments are never read by a shell', async () => {
      const words = [
        '',
        ' ',
        "'",
        '"',
        '\\',
        '$HOME',
        '`id`',
        '*',
        '!',
        '~',
        '-n',
        '%s',
        'a\nb',
        '\t',
        'ü€😀',
        '\u0081\u0088',
        '#',
        ';',
        '\\n',
        'x'.repeat(5000),
      ]
      const output = await subject.host.run(['printf', '[%s]\\n', ...words])
      expect(output.stdout).toBe(words.map((word) => `[${word}]\n`).join(''))
    })

    test('any arguments', async () => {
      const word = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0') && isUnicode(text))
      await fc.assert(
        fc.asyncProperty(fc.array(word, { maxLength: 8 }), async (words) => {
          const output = await subject.host.run(['printf', '%s\\0', ...words])
          expect(output.stdout).toBe(words.length === 0 ? '\0' : words.map((each) => `${each}\0`).join(''))
        }),
        { numRuns: 8 },
      )
    })

    test('every byte, in and out, on both streams', async () => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      expect(Buffer.from((await subject.host.run(['cat'], { stdin: every })).bytes)).toEqual(every)
      expect((await sh('cat >&2', { stdin: every })).stderr).toBe(every.toString())
    })

    test('any standard input comes back', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
          expect(Buffer.from((await subject.host.run(['cat'], { stdin: bytes })).bytes)).toEqual(Buffer.from(bytes))
        }),
        { numRuns: 8 },
      )
    })

    test('ten megabytes each way', async () => {
      const big = Buffer.alloc(10 * 1024 * 1024, 'all work and no play ')
      expect(Buffer.from((await subject.host.run(['cat'], { stdin: big })).bytes).equals(big)).toBe(true)
    })

    test('without standard input a command finds none, and cannot eat the next request', async () => {
      const [first, second] = await Promise.all([subject.host.run(['cat']), sh('cat; echo end')])
      expect([first.stdout, second.stdout]).toEqual(['', 'end\n'])
    })

    test('of much output the two ends are kept, of whole lines, and how much was between them', async () => {
      const all = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
      const output = await sh('seq 100000; seq 100000 >&2; exit 3', { keep: 4096 })
      expect(output.code).toBe(3)
      for (const stream of ['stdout', 'stderr'] as const) {
        const [head = '', tail = ''] = output[stream].split(/… \d+ KiB left out …\n/)
        expect([all.startsWith(head), all.endsWith(`\n${tail}`)]).toEqual([true, true])
        expect(head.length + tail.length).toBeGreaterThan(4000)
        expect(head.length + (output.leftOut?.[stream] ?? 0) + tail.length).toBe(all.length)
      }
    })

    test('a long line is cut between characters', async () => {
      const { stdout } = await sh(`printf 'x'; yes 計 | head -n 50000 | tr -d '\\n'; printf 'y'`, { keep: 1000 })
      expect(stdout).toMatch(/^x計+\n… 146 KiB left out …\n計+y$/)
    })

    test('what is no more than may be kept is whole', async () => {
      const output = await sh('printf 12345678; printf 123 >&2', { keep: 8 })
      expect(output).toMatchObject({ code: 0, stdout: '12345678', stderr: '123' })
      expect(output.leftOut).toBeUndefined()
    })

    test('large standard error', async () => {
      const output = await sh('head -c 3000000 /dev/zero | tr "\\0" e >&2; echo done')
      expect([output.stdout, output.stderr.length]).toEqual(['done\n', 3000000])
    })

    test('a script may write to /dev/stdout and /dev/stderr, and nothing is lost', async () => {
      const output = await sh('echo a; echo b >/dev/stdout; echo c; echo 1 >&2; echo 2 >/dev/stderr; echo 3 >&2')
      expect(output).toMatchObject({ code: 0, stdout: 'a\nb\nc\n', stderr: '1\n2\n3\n' })
    })

    test('what looks like an answer is none', async () => {
      // The command reads all it can find of the shell that runs it: arguments, environments, files.
      const files = 'find /dev/shm /tmp -path "*/.runbook.*" -type f ! -name "[oe]*" -exec cat {} + '
      const output = await sh(`{ cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; ${files}; } 2>/dev/null; exit 7`)
      expect(output.code).toBe(7)
      const replay = await subject.host.run(['cat'], { stdin: output.bytes })
      expect(Buffer.from(replay.bytes).equals(Buffer.from(output.bytes))).toBe(true)
    })

    test('a process left behind neither holds up the answer nor writes into a later one', async () => {
      const left = await sh(
        '(sleep 0.3; echo late; echo late >&2; touch "$0.written") & echo now; exit 5'.replaceAll('$0', path('left')),
      )
      expect(left).toMatchObject({ code: 5, stdout: 'now\n', stderr: '' })
      await sh('sleep 0.6')
      expect(await sh('echo clean')).toMatchObject({ code: 0, stdout: 'clean\n', stderr: '' })
    })

    test('a chatty process left behind', async () => {
      const left = await sh('yes & echo "pid=$!" >&2')
      const pid = Number(/pid=(\d+)/.exec(left.stderr)?.[1])
      expect(left.code).toBe(0)
      expect(await sh('echo clean')).toMatchObject({ code: 0, stdout: 'clean\n' })
      expect(alive(pid)).toBe(false)
    })

    test('a process left behind with its output elsewhere lives on', async () => {
      const { stdout } = await sh('sleep 300 >/dev/null 2>&1 & echo $!')
      const pid = Number(stdout)
      expect(alive(pid)).toBe(true)
      await failure(subject.host.run(['sleep', '60'], { timeout: 0.2 }))
      expect(alive(pid)).toBe(true)
      process.kill(pid, 'SIGKILL')
    })

    test('environment and folder', async () => {
      const output = await sh('printf "%s|%s|%s" "$ONE" "$TWO" "$PWD"', {
        env: { ONE: 'it\'s\n"fine" $HOME ü', TWO: '' },
        cwd: subject.folder,
      })
      expect(output.stdout).toBe(`it's\n"fine" $HOME ü||${subject.folder}`)
      // A PATH of the command's own is for finding the program only.
      expect((await subject.host.run(['sh', '-c', 'echo $PATH'], { env: { PATH: '/bin:/nowhere' } })).stdout).toBe(
        '/bin:/nowhere\n',
      )
      expect((await subject.host.run(['only-here'], { env: { PATH: '/nowhere' } })).code).toBe(127)
      expect((await sh('echo "[$ONE]"')).stdout).toBe('[]\n')
    })

    test('a folder that is not there fails, and is not taken for the exit status of the command', async () => {
      expect(await failure(subject.host.run(['true'], { cwd: path('nowhere') }))).toMatchObject({
        kind: 'failed',
        message: expect.stringContaining(path('nowhere')),
      })
    })

    test('what cannot be run at all is refused before anything is sent', async () => {
      const sent = subject.connection.traffic.requests
      const works = [
        subject.host.run([]),
        subject.host.run(['-x']),
        subject.host.run(['true', 'a\0b']),
        subject.host.run(['true'], { env: { 'A B': 'x' } }),
        subject.host.read(''),
        subject.host.read('/etc/\0'),
        subject.host.write('/tmp/x', '', { mode: 'rwx' }),
        subject.host.write('/tmp/x', '', { owner: 'a b' }),
      ]
      for (const error of await Promise.all(works.map(failure))) expect(error).toMatchObject({ kind: 'input' })
      expect(subject.connection.traffic.requests).toBe(sent)
    })

    test('a time limit ends the command with all that it started, and the shell goes on', async () => {
      const error = await failure(sh(`sleep ${unique}.1 & sleep ${unique}.2; echo never`, { timeout: 0.3 }))
      expect(error).toMatchObject({ kind: 'timeout', message: '`sh` did not end within 0.3 s' })
      expect(running(new RegExp(`^sleep ${unique}\\.[12]$`))).toEqual([])
      expect(await sh('echo on')).toMatchObject({ code: 0, stdout: 'on\n' })
    })

    test('a command that ignores the first signal is killed', async () => {
      const error = await failure(sh('trap "" TERM; echo working >&2; while :; do sleep 0.1; done', { timeout: 0.3 }))
      expect(error).toMatchObject({ kind: 'timeout', stderr: 'working' })
      expect(await sh('echo on')).toMatchObject({ stdout: 'on\n' })
    })

    test('an abort ends the command and rejects with its reason', async () => {
      const control = new AbortController()
      const reason = new Error('the operator said so')
      const work = sh(`touch ${path('started')}; sleep ${unique}.3`, { signal: control.signal }).catch((error: unknown) => error)
      while (!readdirSync(subject.folder).includes('started')) await new Promise((resolve) => setTimeout(resolve, 20))
      control.abort(reason)
      expect(await work).toBe(reason)
      expect(running(new RegExp(`^sleep ${unique}\\.3$`))).toEqual([])
      expect(await subject.host.run(['true'], { signal: control.signal }).catch((error: unknown) => error)).toBe(reason)
      expect(await sh('echo on')).toMatchObject({ stdout: 'on\n' })
    })

    test('commands of one tick run beside each other, in one request', async () => {
      const sent = subject.connection.traffic.requests
      // Each waits for the other: one after the other they would never end.
      const meet = (mine: string, other: string) =>
        sh(`touch ${path(mine)}; while ! [ -e ${path(other)} ]; do sleep 0.05; done; echo ${mine}`, { timeout: 20 })
      const [left, right] = await Promise.all([meet('left', 'right'), meet('right', 'left')])
      expect([left.stdout, right.stdout, subject.connection.traffic.requests - sent]).toEqual(['left\n', 'right\n', 1])
    })

    test('a file can be read while a long command runs', async () => {
      const control = new AbortController()
      const long = sh('sleep 304', { signal: control.signal }).catch(() => 'aborted')
      expect((await subject.host.read('/etc/passwd'))?.length).toBeGreaterThan(0)
      expect(await sh('echo quick')).toMatchObject({ stdout: 'quick\n' })
      control.abort()
      expect(await long).toBe('aborted')
    })

    test('more commands than one pair of pipes serves', async () => {
      for (let round = 0; round < 70; round++)
        expect(await subject.host.run(['echo', String(round)])).toMatchObject({ code: 0, stdout: `${round}\n` })
      const outputs = await Promise.all(Array.from({ length: 12 }, (_, index) => sh(`echo ${index}; exit ${index}`)))
      expect(outputs.map(({ code, stdout }) => [code, stdout])).toEqual(outputs.map((_, index) => [index, `${index}\n`]))
    })
  })
}

/** Seconds that no other process of this machine sleeps for, even one that runs these tests too. */
const unique = `1000${process.pid}`
