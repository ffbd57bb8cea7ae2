/** Every other view: plain lines, JSON lines, summary, plan, runs. */
import { describe, expect, test } from 'vitest'
import type { Event, RunFinished, StepFinished } from '../../../runner/events/events.ts'
import { jsonLine } from '../../../runner/output/json.ts'
import { interruptedLines, plainLine } from '../../../runner/output/plain.ts'
import { createReport } from '../../../runner/output/report.ts'
import { lastSeen, outcomeWord, renderRuns } from '../../../runner/output/runs-view.ts'
import { nextCommands, notFinished, renderSummary } from '../../../runner/output/summary.ts'

const style = { color: false, unicode: true, columns: 80 }
const place = { file: 'p.yml', line: 2, column: 3, length: 4 }
const step = { key: '0.tasks.0/a', task: '0.tasks.0', host: 'a', name: 'one', module: 'copy', place }
const finished = (more: Partial<StepFinished> = {}): StepFinished => ({
  type: 'step-finished',
  at: 1000,
  step,
  outcome: 'changed',
  seconds: 1.25,
  changes: [],
  warnings: [],
  result: {},
  reversible: true,
  ...more,
})
const none = { ok: 0, changed: 0, planned: 0, unknown: 0, skipped: 0, failed: 0, unreachable: 0, ignored: 0, rescued: 0 }
const end = (more: Partial<RunFinished> = {}): RunFinished => ({
  type: 'run-finished',
  at: 2000,
  run: '01JD8',
  seconds: 61,
  interrupted: false,
  exitCode: 0,
  counts: none,
  ...more,
})
const started: Event = {
  type: 'run-started',
  at: 0,
  run: '01JD8',
  goal: 'apply',
  playbook: 'p.yml',
  name: 'P',
  inventory: [],
  hosts: ['a', 'b'],
  tasks: 1,
  params: {},
}
const words = (event: Event) => plainLine(event)?.replace(/^\d\d:\d\d:\d\d /gm, '')

describe('plain lines', () => {
  test.each<[string, Event, string]>([
    ['a start', started, 'start       P run=01JD8 hosts=2'],
    ['a change', finished(), 'changed     a  one (1.3 s)'],
    ['an item', finished({ step: { ...step, item: 'web-1' }, outcome: 'ok' }), 'ok          a  one [web-1]'],
    [
      'a failure',
      finished({ outcome: 'failed', failure: { kind: 'failed', what: 'no space\nleft' } }),
      'failed      a  one\n             no space\n             left',
    ],
    ['nothing to do', end(), 'done        nothing to do  ok=0 changed=0 failed=0 unreachable=0 skipped=0 seconds=61.0 exit=0'],
    [
      'handlers that did not run',
      { type: 'handlers-pending', at: 0, host: 'a', handlers: ['restart', 'reload'] },
      'pending     a  restart, reload',
    ],
  ])('%s', (_what, event, line) => expect(words(event)).toBe(line))

  test('an interruption says what is under way, and how far', () => {
    const progress = { done: 30, total: 40, unit: 'bytes', note: 'ETA 2 s' }
    const inFlight = [{ step: { ...step, item: 'web-1' }, progress }, { step: { ...step, host: 'b' } }]
    expect(interruptedLines({ type: 'interrupted', at: 0, times: 1, inFlight })).toEqual([
      'Stopping when 2 steps in flight have ended; Ctrl-C again aborts at once.',
      'a  one [web-1] (75 %, ETA 2 s)',
      'b  one',
    ])
    expect(interruptedLines({ type: 'interrupted', at: 0, times: 2, inFlight })[0]).toBe('Aborting; these were in flight:')
    expect(interruptedLines({ type: 'interrupted', at: 0, times: 1, inFlight: [] })).toEqual(['Stopping: nothing is in flight.'])
  })
})

test('a JSON line is the event and nothing else', () => {
  expect(JSON.parse(jsonLine(started))).toEqual(started)
  expect(jsonLine(finished({ message: 'two\nlines' })).trimEnd()).not.toContain('\n')
})

describe('the summary', () => {
  const summary = (events: readonly Event[], ending: RunFinished) => {
    const report = createReport()
    for (const event of [started, ...events]) report.add(event)
    return renderSummary(
      report,
      { ...ending, counts: report.counts() },
      [{ file: 'p.yml', text: 'tasks:\n  copy: {}\n' } as never],
      style,
    )
  }

  test('of a failure: place, line, reason, cure, what was done, what can be done', () => {
    const failure = { kind: 'failed' as const, what: 'it broke', why: 'because', stderr: 'oops\n', help: 'mend it' }
    const events = [finished(), finished({ step: { ...step, host: 'b', key: 'k' }, outcome: 'failed', failure })]
    const pending: Event = { type: 'handlers-pending', at: 0, host: 'b', handlers: ['restart'] }
    expect(summary([...events, pending], end({ exitCode: 1 }))).toBe(
      [
        '✗ one · b                                                              p.yml:2:3',
        '',
        '  2 │   copy: {}',
        '    │   ^^^^',
        '',
        '  it broke',
        '  Why   because',
        '  Said  oops',
        '  Help  mend it',
        '',
        'b: handlers that did not run: restart',
        '1 changed and verified · 1 failed · 1 min 1 s · exit 1',
        'runbook resume 01JD8 · runbook undo 01JD8 --plan',
      ].join('\n'),
    )
  })

  test('of nothing to do', () => {
    expect(summary([finished({ outcome: 'ok' })], end())).toBe('Nothing to do: 1 check fine · 1 min 1 s')
  })

  test('offers what fits: resume after a bad end, undo of what can be undone', () => {
    expect(nextCommands('R', true, [finished({ reversible: false })])).toEqual([])
    expect(nextCommands('R', true, [finished()])).toEqual(['runbook undo R --plan'])
    expect(nextCommands('R', false, [])).toEqual(['runbook resume R'])
  })
})

describe('hosts that were left behind', () => {
  test('are named, many counted', () => {
    expect(notFinished(['a', 'b'])).toBe('not finished on a, b')
    expect(notFinished(['a', 'b', 'c', 'd', 'e', 'f'])).toBe('not finished on 6 hosts')
  })
})

describe('the list of runs', () => {
  const history = (more: object = {}) => ({
    started: { run: '01JD8', at: 0, playbook: 'p.yml', name: 'P', hosts: ['a'] },
    finished: new Map([['k', finished()]]),
    inFlight: new Map(),
    notStarted: new Map(),
    undone: new Set<string>(),
    ended: { exitCode: 0, interrupted: false, seconds: 1 },
    unfinished: new Set<string>(),
    last: 0,
    ...more,
  })

  test('says how each ended and when', () => {
    expect(renderRuns([history()], 60_000)).toBe('01JD8  succeeded        1 change  60 s ago     p.yml\n')
    expect(outcomeWord(history({ ended: undefined }))).toBe('was killed')
    expect(outcomeWord(history({ ended: undefined, running: true }))).toBe('is under way')
    expect(outcomeWord(history({ ended: { exitCode: 130, interrupted: true, seconds: 1 } }))).toBe('was interrupted')
    expect(outcomeWord(history({ unfinished: new Set(['b']) }))).toBe('stopped short')
    expect(lastSeen(history(), 3_600_000)).toBe('60 min ago')
    expect(lastSeen(history(), 172_800_000)).toBe('2 days ago')
    expect(renderRuns([], 0)).toBe('No runs are kept in this folder.\n')
  })

  test('says how much an undo has undone', () => {
    const partly = history({ undone: new Set(['l', 'm']) })
    const wholly = history({ finished: new Map(), undone: new Set(['k']) })
    expect(renderRuns([partly, wholly], 0)).toBe(
      '01JD8  succeeded        1 change, 2 undone  0 s ago      p.yml\n01JD8  succeeded        undone              0 s ago      p.yml\n',
    )
  })
})
