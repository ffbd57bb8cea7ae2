/** Images of paths: what is kept of a file, link or folder, and restored. */
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { capture, MOST_ENTRIES, placeLink, restore } from '../../../../modules/lib/files/image.ts'
import { link, removed } from '../../../../modules/lib/resources/entry.ts'
import { file } from '../../../../modules/lib/resources/file.ts'
import { stateOf } from '../../../../modules/lib/resources/file-state.ts'
import { freshFolder, scratchFolder } from '../../../doubles/local-target.ts'

const home = join(scratchFolder(), 'home')
const fresh = freshFolder(home)
const path = join(home, 'it')

const THINGS: Readonly<Record<string, () => void>> = {
  nothing: () => undefined,
  'a file': () => writeFileSync(path, new Uint8Array([0, 255]), { mode: 0o604 }),
  'a link': () => symlinkSync('nowhere', path),
  'an empty folder': () => mkdirSync(path, { mode: 0o711 }),
}
const names = Object.keys(THINGS)

describe('capture and restore', () => {
  test.each(names.flatMap((was) => names.map((is) => [was, is] as const)))('%s comes back where %s is', async (was, is) => {
    const target = fresh({}, THINGS[was])()
    const before = target.snapshot()
    const kept = await capture(target, path)
    rmSync(path, { recursive: true, force: true })
    THINGS[is]?.()
    if (!('image' in kept)) throw new Error(kept.tooMuch)
    await restore(target, path, JSON.parse(JSON.stringify(kept.image)))
    expect(target.snapshot()).toEqual(before)
  })

  test('a folder comes back with all that was in it', async () => {
    const target = fresh({}, (at) => {
      mkdirSync(at('it/deep'), { recursive: true })
      writeFileSync(at('it/deep/ file\nof two lines'), 'x', { mode: 0o400 })
      symlinkSync('deep', at('it/link'))
    })()
    const before = target.snapshot()
    const kept = await capture(target, path)
    rmSync(path, { recursive: true })
    await restore(target, path, 'image' in kept ? kept.image : { kind: 'absent' })
    expect(target.snapshot()).toEqual(before)
  })

  test('a folder that somebody has filled is not removed', async () => {
    const target = fresh({}, (at) => mkdirSync(at('it/theirs'), { recursive: true }))()
    await expect(restore(target, path, { kind: 'absent' })).rejects.toMatchObject({
      stderr: expect.stringContaining('not empty'),
    })
    expect(readdirSync(path)).toEqual(['theirs'])
  })

  test('too much is not kept, and is said', async () => {
    const target = fresh({}, (at) => {
      mkdirSync(at('it'))
      for (let count = 0; count < MOST_ENTRIES; count += 1) writeFileSync(at(`it/${count}`), '')
      writeFileSync(at('huge'), '')
      truncateSync(at('huge'), 40 * 1024 * 1024)
    })()
    expect(await capture(target, path)).toEqual({ tooMuch: 'more than 2000 files' })
    expect(await capture(target, join(home, 'huge'))).toEqual({ tooMuch: 'more than 32.0 MiB' })
  })
})

test('a link is pointed elsewhere although an earlier attempt was cut off', async () => {
  const target = fresh({}, (at) => {
    symlinkSync('old', at('it'))
    symlinkSync('left over', at('it.runbook-new'))
  })()
  await placeLink(target, path, 'new')
  expect(target.snapshot()).toMatchObject({ [path]: 'link new' })
  expect(readdirSync(home)).toEqual(['it'])
})

test('a link is made by one command, so that no runner is killed in its midst', async () => {
  const target = fresh({})()
  await placeLink(target, path, "it's new")
  expect(target.snapshot()).toMatchObject({ [path]: "link it's new" })
  expect(target.ran).toHaveLength(1)
  await expect(placeLink(target, join(path, 'below'), 'x')).rejects.toMatchObject({
    message: `the link ${join(path, 'below')} cannot be made`,
  })
})

const HALF = `${path}.runbook-new`

test.each(names)('what a host that stopped half-way has beside a link goes when %s is restored', async (was) => {
  const target = fresh({}, THINGS[was])()
  const before = target.snapshot()
  const kept = await capture(target, path)
  if (!('image' in kept)) throw new Error(kept.tooMuch)
  symlinkSync('half', HALF)
  await link({ host: 'h', path, src: 'new', force: true }).restore(target, stateOf(path, kept.image))
  expect(target.snapshot()).toEqual(before)
})

test('a removed link is restored although an earlier attempt was cut off', async () => {
  const target = fresh({}, THINGS['a link'])()
  const before = target.snapshot()
  const gone = removed({ host: 'h', path })
  const { state } = await gone.look(target)
  await gone.make(target, state)
  symlinkSync('half', HALF)
  await gone.restore(target, state)
  expect(target.snapshot()).toEqual(before)
})

test.each(names.slice(0, 2))('a file that is called like the half of a link stays when %s is restored', async (was) => {
  const target = fresh({}, (at) => {
    THINGS[was]?.()
    writeFileSync(at('it.runbook-new'), 'an operator’s own')
  })()
  const before = target.snapshot()
  const own = file({ host: 'h', path, content: () => new Uint8Array([1]) })
  const { state } = await own.look(target)
  await own.make(target, state)
  await own.restore(target, state)
  expect(target.snapshot()).toEqual(before)
})
