import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection, HostAccess } from '../../../runner/connection/connection.ts'
import { Failure } from '../../../runner/failure.ts'

/** Whatever carries it, a connection to this machine does all of this. */
export function behavesLikeAConnection(name: string, open: () => Promise<Connection>): void {
  describe(name, { timeout: 120_000 }, () => {
    let connection: Connection
    let host: HostAccess
    let folder: string
    const path = (file: string) => join(folder, file)
    const sh = (script: string, options: Parameters<HostAccess['run']>[1] = {}) => host.run(['sh', '-c', script], options)
    const failure = async (work: Promise<unknown>): Promise<Failure> => {
      const error = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(Failure)
      return error as Failure
    }

    beforeAll(async () => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-test-')))
      connection = await open()
      host = connection.as(undefined)
    })
    afterAll(async () => {
      await connection.close()
      rmSync(folder, { recursive: true, force: true })
    })

    describe('commands', () => {
      test('standard output, standard error and exit status, each exact', async () => {
        const output = await sh('printf "no newline"; printf "two\\nlines\\n\\n" >&2; exit 3')
        expect(output).toMatchObject({ code: 3, stdout: 'no newline', stderr: 'two\nlines\n\n' })
      })

      test('no output at all', async () => {
        expect(await host.run(['true'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
      })

      test('a command that is not there is a result, as in a shell', async () => {
        const output = await host.run(['no-such-program-here'])
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
        const output = await host.run(['printf', '[%s]\\n', ...words])
        expect(output.stdout).toBe(words.map((word) => `[${word}]\n`).join(''))
      })

      test('any arguments', async () => {
        const word = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0') && isUnicode(text))
        await fc.assert(
          fc.asyncProperty(fc.array(word, { maxLength: 8 }), async (words) => {
            const output = await host.run(['printf', '%s\\0', ...words])
            expect(output.stdout).toBe(words.length === 0 ? '\0' : words.map((each) => `${each}\0`).join(''))
          }),
          { numRuns: 8 },
        )
      })

      test('every byte, in and out, on both streams', async () => {
        const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
        expect(Buffer.from((await host.run(['cat'], { stdin: every })).bytes)).toEqual(every)
        expect((await sh('cat >&2', { stdin: every })).stderr).toBe(every.toString())
      })

      test('any standard input comes back', async () => {
        await fc.assert(
          fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
            expect(Buffer.from((await host.run(['cat'], { stdin: bytes })).bytes)).toEqual(Buffer.from(bytes))
          }),
          { numRuns: 8 },
        )
      })

      test('ten megabytes each way', async () => {
        const big = Buffer.alloc(10 * 1024 * 1024, 'all work and no play ')
        expect(Buffer.from((await host.run(['cat'], { stdin: big })).bytes).equals(big)).toBe(true)
      })

      test('without standard input a command finds none, and cannot eat the next request', async () => {
        const [first, second] = await Promise.all([host.run(['cat']), sh('cat; echo end')])
        expect([first.stdout, second.stdout]).toEqual(['', 'end\n'])
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
        const replay = await host.run(['cat'], { stdin: output.bytes })
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
        await failure(host.run(['sleep', '60'], { timeout: 0.2 }))
        expect(alive(pid)).toBe(true)
        process.kill(pid, 'SIGKILL')
      })

      test('environment and folder', async () => {
        const output = await sh('printf "%s|%s|%s" "$ONE" "$TWO" "$PWD"', {
          env: { ONE: 'it\'s\n"fine" $HOME ü', TWO: '' },
          cwd: folder,
        })
        expect(output.stdout).toBe(`it's\n"fine" $HOME ü||${folder}`)
        // A PATH of its own is for finding the program, and not for what stands between.
        expect((await host.run(['sh', '-c', 'echo $PATH'], { env: { PATH: '/bin:/nowhere' } })).stdout).toBe('/bin:/nowhere\n')
        expect((await host.run(['only-here'], { env: { PATH: '/nowhere' } })).code).toBe(127)
        expect((await sh('echo "[$ONE]"')).stdout).toBe('[]\n')
      })

      test('a folder that is not there fails, and is not taken for the exit status of the command', async () => {
        expect(await failure(host.run(['true'], { cwd: path('nowhere') }))).toMatchObject({
          kind: 'failed',
          message: expect.stringContaining(path('nowhere')),
        })
      })

      test('what cannot be run at all is refused before anything is sent', async () => {
        const sent = connection.traffic.requests
        const works = [
          host.run([]),
          host.run(['-x']),
          host.run(['true', 'a\0b']),
          host.run(['true'], { env: { 'A B': 'x' } }),
          host.read(''),
          host.read('/etc/\0'),
          host.write('/tmp/x', '', { mode: 'rwx' }),
          host.write('/tmp/x', '', { owner: 'a b' }),
        ]
        for (const error of await Promise.all(works.map(failure))) expect(error).toMatchObject({ kind: 'input' })
        expect(connection.traffic.requests).toBe(sent)
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
        const work = sh(`touch ${path('started')}; sleep ${unique}.3`, { signal: control.signal }).catch(
          (error: unknown) => error,
        )
        while (!readdirSync(folder).includes('started')) await new Promise((resolve) => setTimeout(resolve, 20))
        control.abort(reason)
        expect(await work).toBe(reason)
        expect(running(new RegExp(`^sleep ${unique}\\.3$`))).toEqual([])
        expect(await host.run(['true'], { signal: control.signal }).catch((error: unknown) => error)).toBe(reason)
        expect(await sh('echo on')).toMatchObject({ stdout: 'on\n' })
      })

      test('commands of one tick run beside each other, in one request', async () => {
        const sent = connection.traffic.requests
        // Each waits for the other: one after the other they would never end.
        const meet = (mine: string, other: string) =>
          sh(`touch ${path(mine)}; while ! [ -e ${path(other)} ]; do sleep 0.05; done; echo ${mine}`, { timeout: 20 })
        const [left, right] = await Promise.all([meet('left', 'right'), meet('right', 'left')])
        expect([left.stdout, right.stdout, connection.traffic.requests - sent]).toEqual(['left\n', 'right\n', 1])
      })

      test('a file can be read while a long command runs', async () => {
        const control = new AbortController()
        const long = sh('sleep 304', { signal: control.signal }).catch(() => 'aborted')
        expect((await host.read('/etc/passwd'))?.length).toBeGreaterThan(0)
        expect(await sh('echo quick')).toMatchObject({ stdout: 'quick\n' })
        control.abort()
        expect(await long).toBe('aborted')
      })

      test('more commands than one pair of pipes serves', async () => {
        for (let round = 0; round < 70; round++)
          expect(await host.run(['echo', String(round)])).toMatchObject({ code: 0, stdout: `${round}\n` })
        const outputs = await Promise.all(Array.from({ length: 12 }, (_, index) => sh(`echo ${index}; exit ${index}`)))
        expect(outputs.map(({ code, stdout }) => [code, stdout])).toEqual(outputs.map((_, index) => [index, `${index}\n`]))
      })
    })

    describe('files', () => {
      const contents: Readonly<Record<string, Buffer>> = {
        empty: Buffer.alloc(0),
        'one byte': Buffer.from([0]),
        'no newline': Buffer.from('text'),
        'Latin-1': Buffer.from('r\xe9sum\xe9 \xff\n', 'latin1'),
        'every byte': Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
        'five megabytes': Buffer.alloc(5 * 1024 * 1024, Buffer.from(Array.from({ length: 251 }, (_, byte) => byte))),
      }
      for (const [what, content] of Object.entries(contents)) {
        test(`${what}: written and read unharmed`, async () => {
          await host.write(path('content'), content)
          expect(readFileSync(path('content')).equals(content)).toBe(true)
          expect(Buffer.from((await host.read(path('content'))) ?? []).equals(content)).toBe(true)
        })
      }

      test('any content, and any name', async () => {
        const name = fc
          .string({ unit: 'binary', minLength: 1, maxLength: 40 })
          .filter((text) => isUnicode(text) && !/[\0/]/.test(text) && !/^\.\.?$/.test(text))
        await fc.assert(
          fc.asyncProperty(name, fc.uint8Array({ maxLength: 1500 }), async (file, bytes) => {
            const own = mkdtempSync(join(folder, 'any-'))
            const target = `${own}/${file}`
            await host.write(target, bytes)
            expect(readFileSync(target)).toEqual(Buffer.from(bytes))
            const [read, stat, list] = await Promise.all([host.read(target), host.stat(target), host.list(own)])
            expect([Buffer.from(read ?? []), stat?.size, list]).toEqual([Buffer.from(bytes), bytes.length, [file]])
          }),
          { numRuns: 8 },
        )
      })

      test('files that claim to be empty', async () => {
        expect(Buffer.from((await host.read('/proc/self/status')) ?? []).toString()).toContain('Name:')
      })

      test('what is not there', async () => {
        writeFileSync(path('file'), 'x')
        symlinkSync('nowhere', path('dangling'))
        for (const missing of [path('nope'), path('nope/deeper'), path('file/below'), path('dangling')]) {
          expect(await host.read(missing)).toBeUndefined()
          expect(await host.list(missing)).toBeUndefined()
        }
        for (const missing of [path('nope'), path('nope/deeper'), path('file/below')])
          expect(await host.stat(missing)).toBeUndefined()
      })

      test('what cannot be read as a file', async () => {
        execFileSync('mkfifo', [path('fifo')])
        for (const odd of [folder, path('fifo'), '/dev/zero']) {
          expect(await failure(host.read(odd))).toMatchObject({ message: `cannot read ${odd}`, why: 'it is not a regular file' })
        }
        expect(await host.list('/etc/passwd')).toBeUndefined()
      })

      test('what a path is', async () => {
        writeFileSync(path('plain'), 'hello')
        chmodSync(path('plain'), 0o4751)
        mkdirSync(path('inner'))
        symlinkSync('../some where/else\n', path('link'))
        const [plain, inner, link, device] = await Promise.all([
          host.stat(path('plain')),
          host.stat(path('inner')),
          host.stat(path('link')),
          host.stat('/dev/null'),
        ])
        const own = statSync(path('plain'))
        expect(plain).toEqual({
          kind: 'file',
          size: 5,
          mode: '4751',
          uid: own.uid,
          gid: own.gid,
          owner: expect.any(String),
          group: expect.any(String),
          mtime: Math.floor(own.mtimeMs / 1000),
        })
        expect(inner?.kind).toBe('directory')
        expect(link).toMatchObject({ kind: 'link', target: '../some where/else\n' })
        expect(device?.kind).toBe('other')
      })

      test('names in a folder', async () => {
        mkdirSync(path('names'))
        const names = ['.hidden', '..two', '...', ' ', '*', '[a]', '-n', 'b', 'a', 'new\nline', 'ü']
        for (const name of names) writeFileSync(path(`names/${name}`), '')
        expect(await host.list(path('names'))).toEqual(names.toSorted())
        mkdirSync(path('bare'))
        expect(await host.list(path('bare'))).toEqual([])
        symlinkSync('names', path('to-names'))
        expect(await host.list(path('to-names'))).toHaveLength(names.length)
      })

      test('reads of one tick travel in one request', async () => {
        const sent = connection.traffic.requests
        const found = await Promise.all([
          ...Array.from({ length: 10 }, () => host.read('/etc/passwd')),
          ...Array.from({ length: 10 }, () => host.stat('/etc/passwd')),
          host.list('/etc'),
          host.read(path('nope')),
          host.run(['echo', 'too']),
        ])
        expect(connection.traffic.requests - sent).toBe(1)
        expect(found[0]).toEqual(readFileSync('/etc/passwd'))
      })

      test('hundreds of reads', async () => {
        const found = await Promise.all(
          Array.from({ length: 450 }, (_, index) => (index % 2 === 0 ? host.read('/etc/hostname') : host.stat('/etc/hostname'))),
        )
        expect(found.every((each) => each !== undefined)).toBe(true)
      })
    })

    describe('replacing a file', () => {
      const names = () => readdirSync(folder).filter((name) => name.startsWith('.runbook'))

      test('a new one gets mode 0644, or what is asked for', async () => {
        await host.write(path('new'), 'x')
        await host.write(path('secret'), 'x', { mode: '0600' })
        expect([mode(path('new')), mode(path('secret'))]).toEqual(['0644', '0600'])
      })

      test('mode is kept, modification time is not, the inode is another', async () => {
        writeFileSync(path('kept'), 'old')
        chmodSync(path('kept'), 0o2640)
        execFileSync('touch', ['-d', '2001-01-01', path('kept')])
        const before = statSync(path('kept'))
        await host.write(path('kept'), 'new')
        const after = statSync(path('kept'))
        expect([readFileSync(path('kept'), 'utf8'), mode(path('kept'))]).toEqual(['new', '2640'])
        expect(after.ino).not.toBe(before.ino)
        expect(after.mtimeMs).toBeGreaterThan(before.mtimeMs)
      })

      test('a link is followed and stays a link, also one that leads nowhere yet', async () => {
        mkdirSync(path('real'))
        writeFileSync(path('real/file'), 'old')
        symlinkSync('real/file', path('via'))
        symlinkSync('real/later', path('via-later'))
        await host.write(path('via'), 'new')
        await host.write(path('via-later'), 'made')
        expect([readFileSync(path('real/file'), 'utf8'), readFileSync(path('real/later'), 'utf8')]).toEqual(['new', 'made'])
        expect([lstatSync(path('via')).isSymbolicLink(), lstatSync(path('via-later')).isSymbolicLink()]).toEqual([true, true])
      })

      test('a folder that is gone, a folder in its place, a file that is none', async () => {
        expect(await failure(host.write(path('gone/file'), 'x'))).toMatchObject({
          kind: 'failed',
          why: expect.stringContaining('No such file'),
        })
        expect(await failure(host.write(path('real'), 'x'))).toMatchObject({ why: expect.stringContaining('not a regular file') })
        expect(await failure(host.write('/dev/null', 'x'))).toMatchObject({ why: expect.stringContaining('not a regular file') })
        expect(names()).toEqual([])
      })

      test('a reader never sees a half', async () => {
        const [one, two] = ['1', '2'].map((digit) => digit.repeat(300000))
        await host.write(path('whole'), one ?? '')
        const seen = new Set<string>()
        let done = false
        const writing = (async () => {
          for (let round = 0; round < 6; round++) await host.write(path('whole'), (round % 2 === 0 ? two : one) ?? '')
          done = true
        })()
        while (!done) {
          const text = readFileSync(path('whole'), 'utf8')
          seen.add(text === one || text === two ? 'whole' : `half: ${text.length}`)
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        await writing
        expect([...seen]).toEqual(['whole'])
      })
    })
  })
}

/** So many seconds that no other process of this machine sleeps for: it may be running these tests too. */
const unique = `1000${process.pid}`

/** Half of a surrogate pair has no bytes to be sent as. */
const isUnicode = (text: string): boolean => Buffer.from(text).toString() === text

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8).padStart(4, '0')

/** Whether a process lives, and is not only waiting to be buried. */
export function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Ids of the processes of this machine with such a command line. */
export function running(pattern: RegExp): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        return alive(pid) && pattern.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').replaceAll('\0', ' '))
      } catch {
        return false
      }
    })
}
