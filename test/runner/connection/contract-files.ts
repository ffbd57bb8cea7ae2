/** The contract of every connection about files. Called by contract.ts, for ssh and local. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isUnicode, type Subject } from './contract-subject.ts'

export function handlesFiles(subject: Subject): void {
  const { path, failure } = subject

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
        await subject.host.write(path('content'), content)
        expect(readFileSync(path('content')).equals(content)).toBe(true)
        expect(Buffer.from((await subject.host.read(path('content'))) ?? []).equals(content)).toBe(true)
      })
    }

    test('any content, and any name', async () => {
      const name = fc
        .string({ unit: 'binary', minLength: 1, maxLength: 40 })
        .filter((text) => isUnicode(text) && !/[\0/]/.test(text) && !/^\.\.?$/.test(text))
      await fc.assert(
        fc.asyncProperty(name, fc.uint8Array({ maxLength: 1500 }), async (file, bytes) => {
          const own = mkdtempSync(join(subject.folder, 'any-'))
          const target = `${own}/${file}`
          await subject.host.write(target, bytes)
          expect(readFileSync(target)).toEqual(Buffer.from(bytes))
          const [read, stat, list] = await Promise.all([
            subject.host.read(target),
            subject.host.stat(target),
            subject.host.list(own),
          ])
          expect([Buffer.from(read ?? []), stat?.size, list]).toEqual([Buffer.from(bytes), bytes.length, [file]])
        }),
        { numRuns: 8 },
      )
    })

    test('files that claim to be empty', async () => {
      expect(Buffer.from((await subject.host.read('/proc/self/status')) ?? []).toString()).toContain('Name:')
    })

    test('what is not there', async () => {
      writeFileSync(path('file'), 'x')
      symlinkSync('nowhere', path('dangling'))
      for (const missing of [path('nope'), path('nope/deeper'), path('file/below'), path('dangling')]) {
        expect(await subject.host.read(missing)).toBeUndefined()
        expect(await subject.host.list(missing)).toBeUndefined()
      }
      for (const missing of [path('nope'), path('nope/deeper'), path('file/below')])
        expect(await subject.host.stat(missing)).toBeUndefined()
    })

    test('what cannot be read as a file', async () => {
      execFileSync('mkfifo', [path('fifo')])
      for (const odd of [subject.folder, path('fifo'), '/dev/zero']) {
        expect(await failure(subject.host.read(odd))).toMatchObject({
          message: `cannot read ${odd}`,
          why: 'it is not a regular file',
        })
      }
      expect(await subject.host.list('/etc/passwd')).toBeUndefined()
    })

    test('what a path is', async () => {
      writeFileSync(path('plain'), 'hello')
      chmodSync(path('plain'), 0o4751)
      mkdirSync(path('inner'))
      symlinkSync('../some where/else\n', path('link'))
      const [plain, inner, link, device] = await Promise.all([
        subject.host.stat(path('plain')),
        subject.host.stat(path('inner')),
        subject.host.stat(path('link')),
        subject.host.stat('/dev/null'),
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
      expect(await subject.host.list(path('names'))).toEqual(names.toSorted())
      mkdirSync(path('bare'))
      expect(await subject.host.list(path('bare'))).toEqual([])
      symlinkSync('names', path('to-names'))
      expect(await subject.host.list(path('to-names'))).toHaveLength(names.length)
    })

    test('reads of one tick travel in one request', async () => {
      const sent = subject.connection.traffic.requests
      const found = await Promise.all([
        ...Array.from({ length: 10 }, () => subject.host.read('/etc/passwd')),
        ...Array.from({ length: 10 }, () => subject.host.stat('/etc/passwd')),
        subject.host.list('/etc'),
        subject.host.read(path('nope')),
        subject.host.run(['echo', 'too']),
      ])
      expect(subject.connection.traffic.requests - sent).toBe(1)
      expect(found[0]).toEqual(readFileSync('/etc/passwd'))
    })

    test('hundreds of reads', async () => {
      const found = await Promise.all(
        Array.from({ length: 450 }, (_, index) =>
          index % 2 === 0 ? subject.host.read('/etc/hostname') : subject.host.stat('/etc/hostname'),
        ),
      )
      expect(found.every((each) => each !== undefined)).toBe(true)
    })
  })

  describe('replacing a file', () => {
    const names = () => readdirSync(subject.folder).filter((name) => name.startsWith('.runbook'))

    test('a new one gets mode 0644, or what is asked for', async () => {
      await subject.host.write(path('new'), 'x')
      await subject.host.write(path('secret'), 'x', { mode: '0600' })
      expect([mode(path('new')), mode(path('secret'))]).toEqual(['0644', '0600'])
    })

    test('mode is kept, modification time is not, the inode is another', async () => {
      writeFileSync(path('kept'), 'old')
      chmodSync(path('kept'), 0o2640)
      execFileSync('touch', ['-d', '2001-01-01', path('kept')])
      const before = statSync(path('kept'))
      await subject.host.write(path('kept'), 'new')
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
      await subject.host.write(path('via'), 'new')
      await subject.host.write(path('via-later'), 'made')
      expect([readFileSync(path('real/file'), 'utf8'), readFileSync(path('real/later'), 'utf8')]).toEqual(['new', 'made'])
      expect([lstatSync(path('via')).isSymbolicLink(), lstatSync(path('via-later')).isSymbolicLink()]).toEqual([true, true])
    })

    test('a folder that is gone, a folder in its place, a file that is none', async () => {
      expect(await failure(subject.host.write(path('gone/file'), 'x'))).toMatchObject({
        kind: 'failed',
        why: expect.stringContaining('No such file'),
      })
      expect(await failure(subject.host.write(path('real'), 'x'))).toMatchObject({
        why: expect.stringContaining('not a regular file'),
      })
      expect(await failure(subject.host.write('/dev/null', 'x'))).toMatchObject({
        why: expect.stringContaining('not a regular file'),
      })
      expect(names()).toEqual([])
    })

    test('a reader never sees a half', async () => {
      const [one, two] = ['1', '2'].map((digit) => digit.repeat(300000))
      await subject.host.write(path('whole'), one ?? '')
      const seen = new Set<string>()
      let done = false
      const writing = (async () => {
        for (let round = 0; round < 6; round++) await subject.host.write(path('whole'), (round % 2 === 0 ? two : one) ?? '')
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
}

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8).padStart(4, '0')
