/** The common part of `command` and `shell`: conditions, the run, its result. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planJob, runJob } from '../../../../modules/lib/host/process.ts'
import { fakeTarget } from '../../../doubles/target.ts'
import { localTarget, scratchFolder } from '../../../doubles/local-target.ts'
import { onAct } from '../../../doubles/address.ts'

const folder = scratchFolder()
const here = localTarget(folder)
const sh = (script: string, more: object = {}) => ({ argv: ['sh', '-c', script], shown: script, ...more })

describe('planJob', () => {
  writeFileSync(join(folder, 'done'), '')

  test('a command is a change, whatever it does', async () => {
    expect(await planJob(sh('true'), here)).toEqual({
      changes: [{ ...onAct('command'), before: undefined, after: 'true' }],
      before: undefined,
      undetectable: true,
    })
  })

  test.each([
    ['creates', 'done', `done exists`],
    ['creates', 'not-there', undefined],
    ['removes', 'done', undefined],
    ['removes', 'not-there', 'not-there does not exist'],
  ])('%s %s', async (key, path, reason) => {
    const { changes, result } = await planJob(sh('true', { [key]: path, chdir: folder }), here)
    expect(changes).toHaveLength(reason === undefined ? 1 : 0)
    expect(result?.['skip_reason']).toBe(reason)
    if (reason !== undefined) expect(result).toMatchObject({ rc: 0, stdout: '', seconds: 0 })
  })

  test('a relative path without a folder is refused', async () => {
    await expect(planJob(sh('true', { creates: 'done' }), here)).rejects.toMatchObject({
      kind: 'input',
      help: 'give an absolute path, or set `chdir`',
    })
  })
})

describe('runJob', () => {
  test('gives what the program printed', async () => {
    const target = fakeTarget({ commands: { 'sh -c x': { stdout: 'one\r\ntwo\n\n', stderr: 'a warning\n' } } })
    expect(await runJob(sh('x'), target)).toEqual({
      cmd: 'x',
      rc: 0,
      stdout: 'one\r\ntwo',
      stderr: 'a warning',
      stdout_left_out: 0,
      stderr_left_out: 0,
      seconds: 0,
    })
  })

  test('passes the folder and the input on', async () => {
    expect(await runJob(sh('pwd; cat', { chdir: folder, stdin: 'in\0put' }), here)).toMatchObject({
      stdout: `${folder}\nin\0put`,
    })
  })

  test('a status other than 0 is a failure that holds the whole result', async () => {
    const failing = runJob(sh('echo out; echo first >&2; echo last >&2; exit 3'), here)
    await expect(failing).rejects.toMatchObject({
      kind: 'failed',
      message: '`echo out; echo first >&2; echo last >&2; exit 3` exited with 3',
      why: 'last',
      stderr: 'first\nlast',
      data: { rc: 3, stdout: 'out', stderr: 'first\nlast', cmd: 'echo out; echo first >&2; echo last >&2; exit 3' },
    })
  })

  test('only the last ten lines are shown, all are kept', async () => {
    const failing = runJob(sh('seq 1 50 >&2; exit 1'), here)
    await expect(failing).rejects.toMatchObject({
      stderr: '41\n42\n43\n44\n45\n46\n47\n48\n49\n50',
      data: { stderr: Array.from({ length: 50 }, (_, index) => index + 1).join('\n') },
    })
  })

  test('of more than 1 MiB the middle is left out, which the result says in the text and as a number', async () => {
    const result = await runJob(sh('head -c 5000000 /dev/zero | tr "\\0" x'), here)
    expect(String(result['stdout'])).toMatch(/^x+\n… 3\.8 MiB left out …\nx+$/)
    expect(result).toMatchObject({ stdout_left_out: 5_000_000 - 1024 ** 2, stderr_left_out: 0 })
  })

  test('of a failure that says much in one line its end is shown', async () => {
    const failing = runJob(sh('head -c 100000 /dev/zero | tr "\\0" x >&2; exit 1'), here)
    await expect(failing).rejects.toMatchObject({ stderr: 'x'.repeat(2000), why: 'x'.repeat(2000) })
  })

  test('without error output the reason is what was printed', async () => {
    await expect(runJob(sh('echo no such thing; false'), here)).rejects.toMatchObject({ why: 'no such thing' })
  })

  test('a program that is not there is named', async () => {
    const failing = runJob({ argv: ['no-such-program'], shown: 'no-such-program' }, here)
    await expect(failing).rejects.toMatchObject({
      help: 'install no-such-program on host1, or add its folder to the PATH of the user',
      data: { rc: 127 },
    })
  })

  test('a signal is told apart from a status', async () => {
    await expect(runJob(sh('kill -9 $$'), here)).rejects.toThrow('was ended by signal 9')
  })

  test('a long script is named by its first line', async () => {
    await expect(runJob(sh('false\nexit 1'), here)).rejects.toThrow(/^`false …` exited with 1$/)
  })
})
