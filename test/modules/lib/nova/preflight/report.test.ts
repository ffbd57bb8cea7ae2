import { describe, expect, test } from 'vitest'
import type { Check } from '../../../../../modules/lib/nova/preflight/check.ts'
import { report, standing, summaryOf } from '../../../../../modules/lib/nova/preflight/report.ts'

const checks: readonly Check[] = [
  { check: 'permission', level: 'ok', subject: 'admin', evidence: 'has the role', help: '' },
  {
    check: 'config_drive',
    level: 'WARN',
    subject: 'web-1',
    evidence: 'it has one; it is copied along',
    help: 'nothing needs doing',
  },
  {
    check: 'disk_space',
    level: 'BLOCK',
    subject: 'compute15',
    evidence:
      'db-2 needs 20.0 GiB; compute15 has 3.1 GiB in /var/lib/nova/instances. Nova does not check this since microversion 2.25',
    help: 'free space there, or choose another target',
  },
  { check: 'state', level: 'ok', subject: '2 servers', evidence: 'ACTIVE', help: '' },
]

test('what blocks comes first, each with its evidence and help; what is fine in one line', () => {
  expect(report(checks, []).split('\n')).toEqual([
    '  BLOCK  disk_space    compute15: db-2 needs 20.0 GiB; compute15 has 3.1',
    '                       GiB in /var/lib/nova/instances. Nova does not',
    '                       check this since microversion 2.25',
    '                       free space there, or choose another target',
    '  WARN   config_drive  web-1: it has one; it is copied along',
    '                       nothing needs doing',
    '                       accept: [config_drive]',
    '  ok     permission · state',
  ])
})

test('lines of what is fine hang below each other', () => {
  const many = Array.from({ length: 30 }, (_, index): Check => ({
    check: (index % 2 === 0 ? 'availability_zone' : 'disk_allocation') as Check['check'],
    level: 'ok',
    subject: 's',
    evidence: 'e',
    help: '',
  }))
  const names = many.map((one, index) => ({ ...one, check: `${one.check}_${index}` as Check['check'] }))
  for (const line of report(names, []).split('\n')) {
    expect(line.length).toBeLessThanOrEqual(72)
    expect(line).toMatch(/^( {2}ok {5}| {9})\S/)
  }
})

describe('accepting', () => {
  test('lifts a warning, not a block', () => {
    expect(standing(checks, []).map(({ check }) => check)).toEqual(['config_drive', 'disk_space'])
    expect(standing(checks, ['config_drive', 'disk_space']).map(({ check }) => check)).toEqual(['disk_space'])
    expect(report(checks, ['config_drive'])).toContain('accepted')
  })

  test.each([
    [checks, [], '1 line blocks, 1 warns'],
    [checks, ['config_drive'], '1 line blocks'],
    [checks.filter(({ level }) => level !== 'BLOCK'), [], '1 warns'],
    [checks.filter(({ level }) => level !== 'BLOCK'), ['config_drive'], '3 checks pass, 1 warning accepted'],
    [checks.slice(0, 1), [], '1 check passes'],
  ])('the summary', (given, accept, text) => {
    expect(summaryOf(given, accept).text).toBe(text)
  })
})
