import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { fileFailure, fileTrouble } from '../../../runner/base/file-failure.ts'
import { Failure } from '../../../runner/base/failure.ts'

const errno = (code: string) => Object.assign(new Error(`${code}: said by the system, open 'x'`), { code })

describe('an error of the system in words', () => {
  test.each([
    'ELOOP',
    'ENOTDIR',
    'EISDIR',
    'EACCES',
    'EPERM',
    'EROFS',
    'ENOSPC',
    'EDQUOT',
    'ENAMETOOLONG',
    'EMFILE',
    'EIO',
    'ENOENT',
  ])('%s says why and what to do, and no number', (code) => {
    expect(Object.keys(constants.errno)).toContain(code)
    const failure = fileFailure('a/b', 'written', errno(code))
    expect(failure).toMatchObject({ kind: 'refused', message: 'a/b cannot be written' })
    expect(failure.why).not.toContain(code)
    expect(failure.help).toBeTruthy()
  })

  test('a read-only disk is not one without room', () => {
    const { why, help } = fileFailure('a', 'written', errno('EROFS'))
    expect(`${why} ${help}`).toMatch(/read-only/)
    expect(`${why} ${help}`).not.toMatch(/room|resume/)
  })

  test('any other is told as the system says it', () => {
    expect(fileTrouble(errno('ESTALE'))).toEqual({ why: "ESTALE: said by the system, open 'x'" })
  })

  test('what is in words already stays as it is', () => {
    const failure = new Failure('a', { why: 'b' })
    expect(fileFailure('x', 'read', failure)).toBe(failure)
    expect(fileTrouble(failure)).toEqual({ why: 'b' })
  })
})
