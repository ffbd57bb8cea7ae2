import { describe, expect, test } from 'vitest'
import shell from '../../modules/shell.ts'
import { localTarget, scratchFolder } from '../doubles/local-target.ts'
import { behavesLikeAModule } from '../contracts/module.ts'
import { onAct } from '../doubles/address.ts'

const folder = scratchFolder()
const sh = { executable: '/bin/sh' }

behavesLikeAModule(shell, { params: { ...sh, cmd: 'echo x > "a b"', chdir: folder }, target: () => localTarget(folder) })

describe('shell', () => {
  const run = async (params: { cmd: string; executable?: string; stdin?: string }) => {
    const target = localTarget(folder)
    const given = { ...sh, ...params }
    return shell.apply?.(given, await shell.check(given, target), target)
  }

  test('a shell acts on pipes, variables and several lines', async () => {
    expect(await run({ cmd: 'x="a b"\nprintf "%s\\n" "$x" c | wc -l' })).toMatchObject({
      rc: 0,
      stdout: '2',
      cmd: 'x="a b"\nprintf "%s\\n" "$x" c | wc -l',
    })
  })

  test('the script is not read from standard input', async () => {
    expect(await run({ cmd: 'cat', stdin: 'exit 1' })).toMatchObject({ stdout: 'exit 1' })
  })

  test('another shell can be asked for', async () => {
    await expect(run({ cmd: 'set -o pipefail; false | true', executable: '/bin/bash' })).rejects.toThrow('exited with 1')
  })

  test('says what it would run', async () => {
    const { changes } = await shell.check({ ...sh, cmd: 'a | b' }, localTarget(folder))
    expect(changes).toEqual([{ ...onAct('command'), before: undefined, after: 'a | b' }])
  })
})
