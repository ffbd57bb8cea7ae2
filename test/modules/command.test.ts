import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import command from '../../modules/command.ts'
import { localTarget, scratchFolder } from '../doubles/local-target.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { onAct } from '../doubles/address.ts'

const folder = scratchFolder()

behavesLikeAModule(
  command,
  { name: 'a command line', params: { cmd: "touch 'a b'", chdir: folder }, target: () => localTarget(folder) },
  { name: 'a list of words', params: { argv: ['true'] }, target: () => localTarget(folder) },
)

describe('command', () => {
  test('words reach the program as they are', async () => {
    const params = { argv: ['printf', '%s|', '$HOME', 'a  b', "it's", '*', ''] }
    const target = localTarget(folder)
    const diff = await command.check(params, target)
    expect(await command.apply?.(params, diff, target)).toMatchObject({
      rc: 0,
      stdout: "$HOME|a  b|it's|*||",
      cmd: `printf '%s|' '$HOME' 'a  b' 'it'\\''s' '*' ''`,
    })
  })

  test('is not a change the second time where `creates` names its file', async () => {
    const params = { cmd: 'touch once', chdir: folder, creates: 'once' }
    const target = localTarget(folder)
    await command.apply?.(params, await command.check(params, target), target)
    expect(existsSync(join(folder, 'once'))).toBe(true)
    expect((await command.check(params, target)).changes).toEqual([])
  })

  test.each([
    [{}, 'the command is missing'],
    [{ cmd: 'a', argv: ['a'] }, '`cmd` and `argv` exclude each other'],
    [{ cmd: '  ' }, 'the program is missing'],
    [{ argv: ['', 'a'] }, 'the program is missing'],
    [{ cmd: 'ls | wc -l' }, '`ls | wc -l` holds `|`, which only a shell acts on'],
  ])('%j is refused in plan already', async (params, message) => {
    await expect(command.check(params, localTarget(folder))).rejects.toMatchObject({ kind: 'input', message })
  })

  test('says what it would run', async () => {
    const { changes } = await command.check({ cmd: "echo 'a b' c" }, localTarget(folder))
    expect(changes).toEqual([{ ...onAct('command'), before: undefined, after: "echo 'a b' c" }])
  })
})
