import { describe, expect, test } from 'vitest'
import { runs, show } from '../../../runner/run/past-runs.ts'
import { resume } from '../../../runner/run/resume.ts'
import { fakeWorld } from '../../doubles/world.ts'

const lines = (...all: readonly (object | string)[]) =>
  all.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join('')
const head = { type: 'journal', version: 2 }
const began = (run: string) => ({
  type: 'run-started',
  at: 0,
  run,
  goal: 'apply',
  playbook: `${run}.yml`,
  name: run,
  hosts: ['a'],
})
const ended = { type: 'run-finished', at: 0, run: 'R', seconds: 1, interrupted: false, exitCode: 0, counts: {} }

/** The runs of a folder, oldest first, and what each journal holds. */
const folder = (journals: Readonly<Record<string, string>>) =>
  fakeWorld({
    files: Object.fromEntries(Object.entries(journals).map(([run, text]) => [`.runbook/runs/${run}/journal.jsonl`, text])),
  })
const FOLDER = {
  '1A': lines(head, began('1A')),
  '1B': lines({ ...head, version: 3 }, began('1B')),
  '1C': lines(head, began('1C'), ended),
  '1D': lines(began('1D')),
  '1E': lines(head, '{"type":"run-sta'),
}

describe('a run whose journal cannot be read', () => {
  test('has its line among the others, with the reason', async () => {
    const world = folder(FOLDER)
    expect(await runs(world)).toBe(0)
    const told = world.written.stdout.split('\n')
    expect(told.map((line) => line.slice(0, 2))).toEqual(['1E', '1D', '1C', '1B', '1A', ''])
    expect(told[0]).toBe('1E  cannot be read   its run had not started')
    expect(told[1]).toBe('1D  cannot be read   the head of a journal is missing')
    expect(told[3]).toBe('1B  cannot be read   its version is 3; this runbook reads up to 2')
  })

  test('is named where an older one is taken instead, but not where it had begun nothing', async () => {
    const world = folder(FOLDER)
    expect(await show(undefined, { diff: false, host: undefined }, world)).toBe(0)
    expect(world.written.stdout).toContain('run 1C')
    expect(world.written.stderr).toBe('Run 1D is skipped: its journal cannot be read (the head of a journal is missing).\n')
  })

  test('is named, with every newer one, before what comes of the older', async () => {
    const world = folder(FOLDER)
    const asked = { run: undefined, failed: false, acceptChanges: false, yes: false, params: [], waitLock: 0, detach: false }
    await expect(resume({ ...asked, output: 'json' }, world, new Map())).rejects.toThrow('run 1A has no')
    expect(world.written.stderr.match(/Run \w+ is skipped/g)).toEqual(['Run 1D is skipped', 'Run 1B is skipped'])
  })

  test('is named with its reason where there is no other', async () => {
    const world = folder({ '1B': FOLDER['1B'], '1E': FOLDER['1E'] })
    await expect(show(undefined, { diff: false, host: undefined }, world)).rejects.toMatchObject({
      message: 'no runs are kept in this folder',
      why: '1E cannot be read: its run had not started\n1B cannot be read: its version is 3; this runbook reads up to 2',
    })
  })
})
