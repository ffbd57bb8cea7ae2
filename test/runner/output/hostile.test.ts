/** No text from outside acts on a terminal, in any view. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Event, RunFinished, StepFinished, StepRef } from '../../../runner/events/events.ts'
import { Failure } from '../../../runner/base/failure.ts'
import { createCli } from '../../../runner/cli.ts'
import { createReport } from '../../../runner/output/report.ts'
import { renderRun, renderRuns, type ShownHistory } from '../../../runner/output/runs-view.ts'
import { openView, styleOf } from '../../../runner/output/view.ts'
import { showDiagnostics } from '../../../runner/run/diagnostics.ts'
import { defineModule } from '../../../runner/module.ts'
import { fakeWorld } from '../../doubles/world.ts'

/** Clears the screen, sets a title, returns to the line's beginning, moves up (C1), turns the reading direction, begins a line of its own. */
const EVIL = 'x\x1b[2J\x1b]2;t\x07\r\x9b1A\u202e\x7f\nok all is fine'
/** All that a terminal obeys, but newline. */
// oxlint-disable-next-line no-control-regex
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/

const place = { file: EVIL, line: 1, column: 2, length: 3 }
const source = { file: EVIL, text: EVIL }
const step: StepRef = {
  key: `0.tasks.0/${EVIL}`,
  task: '0.tasks.0',
  host: EVIL,
  name: EVIL,
  module: 'command',
  item: 'item',
  place,
}
const tasks = [{ task: '0.tasks.1', name: EVIL, module: 'command', reversible: false, confirm: EVIL }]
const progress = { done: 1, total: 2, unit: 'items', note: EVIL }
const failure = { kind: 'failed' as const, what: EVIL, why: EVIL, help: EVIL, stderr: EVIL, data: { EVIL } }
const resource = { host: EVIL, kind: 'file' as const, name: EVIL }
const changes = [
  { resource, property: EVIL, before: EVIL, after: EVIL },
  { resource, before: 'a', after: 'b' },
]
const finished: StepFinished = {
  type: 'step-finished',
  at: 0,
  step,
  outcome: 'changed',
  seconds: 1,
  changes,
  warnings: [EVIL],
  message: EVIL,
  result: { EVIL },
  reason: EVIL,
  reversible: true,
  estimate: { seconds: 1, basis: EVIL },
  confirm: EVIL,
}
const counts = { ok: 0, changed: 1, planned: 1, unknown: 1, skipped: 0, failed: 1, unreachable: 0, ignored: 0, rescued: 0 }
const run = '1NGAR2KV3M'
const end: RunFinished = {
  type: 'run-finished',
  at: 0,
  run,
  seconds: 1,
  interrupted: false,
  exitCode: 1,
  counts,
  unfinished: [EVIL],
}

const notStarted = { host: EVIL, items: [EVIL], reason: 'deadline' } as const

/** One of each type: a new type of event must be told here to compile. */
const EVENTS: { readonly [T in Event['type']]: Extract<Event, { type: T }> } = {
  'run-started': {
    type: 'run-started',
    at: 0,
    run,
    goal: 'apply',
    playbook: EVIL,
    name: EVIL,
    inventory: [EVIL],
    hosts: [EVIL],
    tasks: 1,
    params: { EVIL },
  },
  'run-resumed': { type: 'run-resumed', at: 0, run, done: 0, inFlight: [step] },
  'play-started': { type: 'play-started', at: 0, play: 0, name: EVIL, hosts: [EVIL] },
  'task-started': {
    type: 'task-started',
    at: 0,
    task: '0.tasks.0',
    name: EVIL,
    module: 'command',
    handler: false,
    hosts: [EVIL],
  },
  'facts-gathered': { type: 'facts-gathered', at: 0, host: EVIL, facts: { EVIL } },
  'step-started': { type: 'step-started', at: 0, step },
  'step-checked': { type: 'step-checked', at: 0, step, changes, inFlight: EVIL },
  'apply-started': {
    type: 'apply-started',
    at: 0,
    step,
    undo: {
      params: EVIL,
      before: EVIL,
      host: EVIL,
      become: { wanted: undefined, user: undefined },
      inputs: { rendered: {}, files: {} },
    },
  },
  'step-progress': { type: 'step-progress', at: 0, step, progress },
  'step-finished': finished,
  'step-replayed': { type: 'step-replayed', at: 0, step, outcome: 'ok' },
  'loop-started': {
    type: 'loop-started',
    at: 0,
    task: '0.tasks.0',
    host: EVIL,
    name: EVIL,
    control: { parallel: EVIL, limits: { [EVIL]: EVIL }, maxFailures: EVIL, canary: EVIL, deadline: EVIL },
  },
  'task-finished': { type: 'task-finished', at: 0, task: '0.tasks.0', notStarted: [notStarted] },
  'handlers-pending': { type: 'handlers-pending', at: 0, host: EVIL, handlers: [EVIL] },
  'rescue-planned': { type: 'rescue-planned', at: 0, host: EVIL, block: '0.tasks.0', name: EVIL, tasks },
  rescued: { type: 'rescued', at: 0, host: 'other', block: '0.tasks.9' },
  'play-stopped': { type: 'play-stopped', at: 0, reason: EVIL, hosts: [EVIL] },
  interrupted: { type: 'interrupted', at: 0, times: 1, inFlight: [{ step, progress }] },
  'lock-awaited': { type: 'lock-awaited', at: 0, reasons: [EVIL] },
  'undo-started': { type: 'undo-started', at: 0, step, blob: 'b', by: run },
  'step-undone': { type: 'step-undone', at: 0, step, blob: 'b' },
  'undo-passed': { type: 'undo-passed', at: 0, step },
  'run-finished': end,
}
const OUTCOMES = ['ok', 'changed', 'planned', 'unknown', 'skipped', 'failed', 'unreachable'] as const
const WALK: readonly Event[] = [
  ...Object.values(EVENTS).filter(({ type }) => type !== 'run-finished'),
  ...OUTCOMES.map((outcome) => ({
    ...finished,
    outcome,
    ...(outcome === 'failed' || outcome === 'unreachable' ? { failure } : {}),
  })),
  end,
]

function mustBeHarmless(written: { readonly stdout: string; readonly stderr: string }): void {
  const text = written.stdout + written.stderr
  expect(text).toContain('x\\x1b[2J\\x1b]2;t\\x07\\r\\u009b1A\\u202e')
  expect(text).not.toMatch(ACTING)
  // Never at the beginning of a line, where a line of the runner's own stands.
  expect(text).not.toMatch(/^ok all is fine/m)
}

test('nothing but the real world, and the library of the live view, has a way to the terminal', () => {
  const checkout = fileURLToPath(new URL('../../../', import.meta.url))
  const found = ['runner', 'modules'].flatMap((folder) =>
    readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ name: `${folder}/${name}`, text: readFileSync(join(checkout, folder, name), 'utf8') })),
  )
  const filesWith = (pattern: RegExp) => found.flatMap(({ name, text }) => (pattern.test(text) ? [name] : []))
  expect(filesWith(/(?<!screen\()process\.std(out|err)|console\.\w|listr2'/).toSorted()).toEqual([
    'runner/output/terminal.ts',
    'runner/real-world.ts',
  ])
})

describe('what hosts, the API or a playbook print is shown, and does nothing', () => {
  test.each([
    ['apply', 'auto'],
    ['plan', 'auto'],
    ['undo', 'plain'],
  ] as const)('%s, %s', async (goal, output) => {
    const world = fakeWorld()
    const report = createReport()
    const view = await openView({ goal, output, diff: true, verbose: 1 }, world, report, [source])
    for (const event of WALK) {
      const named = event.type === 'run-started' ? { ...event, goal } : event
      report.add(named)
      view.add(named)
    }
    view.finish(end)
    mustBeHarmless(world.written)
  })

  test('JSON has every character as it is', async () => {
    const world = fakeWorld()
    const view = await openView({ goal: 'apply', output: 'json', diff: true, verbose: 0 }, world, createReport(), [])
    for (const event of WALK) view.add(event)
    const back = world.written.stdout.trimEnd().split('\n')
    expect(back.map((line) => JSON.parse(line))).toEqual(
      WALK.map((event) => JSON.parse(JSON.stringify(event, (key, value) => (key === 'undo' ? undefined : value)))),
    )
    expect(world.written.stdout).not.toMatch(ACTING)
  })

  test('runs and show', () => {
    const world = fakeWorld()
    const history: ShownHistory = {
      started: EVENTS['run-started'],
      finished: new Map(WALK.flatMap((event, at) => (event.type === 'step-finished' ? [[String(at), event]] : []))),
      inFlight: new Map([['a', step]]),
      undone: new Set(),
      notStarted: new Map([['a', notStarted]]),
      ended: end,
      unfinished: new Set([EVIL]),
      last: 0,
    }
    world.stdout.write(renderRuns([history, { run, why: EVIL }], 0))
    world.stdout.write(renderRun(history, [source], { diff: true, host: undefined }, 0, styleOf(world.stdout)))
    mustBeHarmless(world.written)
  })

  test('frames of what is wrong in a playbook', () => {
    const world = fakeWorld()
    showDiagnostics([{ severity: 'error', summary: EVIL, place, label: EVIL, notes: [EVIL] }], [source], world)
    mustBeHarmless(world.written)
  })

  test('a failure of the command line, and a page of documentation', async () => {
    const world = fakeWorld()
    const odd = defineModule({
      name: 'odd',
      summary: EVIL,
      params: { type: 'object', additionalProperties: false, properties: {} },
      examples: [],
      check: async () => ({ changes: [], before: undefined }),
    })
    const failing = createCli(world, async () => {
      throw new Failure(EVIL, { why: EVIL, help: EVIL })
    })
    await failing(['modules'])
    await createCli(world, async () => ({ registry: new Map([['odd', odd]]) }))(['docs', 'no\x1b[2J'])
    mustBeHarmless(world.written)
  })
})
