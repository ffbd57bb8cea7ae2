import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { follow } from '../../../../modules/lib/files/paths.ts'
import { localTarget, scratchFolder } from '../../../doubles/local-target.ts'

const folder = scratchFolder()
const here = localTarget(folder)
const at = (name: string): string => join(folder, name)

mkdirSync(at('sub'))
writeFileSync(at('sub/file'), 'x')
symlinkSync('sub/file', at('relative'))
symlinkSync(at('relative'), at('absolute'))
symlinkSync('../relative', at('sub/up'))
symlinkSync('nowhere', at('dangling'))
symlinkSync('ring', at('ring'))

describe('follow', () => {
  test.each(['sub/file', 'relative', 'absolute', 'sub/up'])('%s leads to the file', async (name) => {
    expect(await follow(here, at(name))).toMatchObject({ path: at('sub/file'), stat: { kind: 'file', size: 1 } })
  })

  test('a dangling link leads to where nothing is', async () => {
    expect(await follow(here, at('dangling'))).toEqual({ path: at('nowhere'), stat: undefined })
  })

  test('a ring is an error, not an endless loop', async () => {
    await expect(follow(here, at('ring'))).rejects.toThrow('is a ring of symbolic links')
  })
})
