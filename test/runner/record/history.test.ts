/** Journals folded: torn lines, hosts left behind, rescued failures. */
import { describe, expect, test } from 'vitest'
import { failedHosts, readJournal, replayable } from '../../../runner/record/history.ts'

const place = { file: 'play.yml', line: 1, column: 1, length: 1 }
const step = (task: string, host = 'a') => ({ key: `${task}/${host}`, task, host, name: task, module: 'set', place })
const head = { type: 'journal', version: 2 }
const begun = { type: 'run-started', at: 1, run: 'R', playbook: 'play.yml', hosts: ['a'] }
const applies = (task: string, blob: string, at = 2) => ({ type: 'apply-started', at, step: step(task), blob })
const ends = (task: string, more: object = {}) => ({
  type: 'step-finished',
  at: 3,
  step: step(task),
  outcome: 'changed',
  changes: [],
  result: {},
  ...more,
})
const failed = { outcome: 'failed', failure: { kind: 'failed', what: 'no' } }

const lost = (kind: string) => ({ outcome: kind === 'unreachable' ? kind : 'failed', failure: { kind, what: 'lost' } })

const read = (...lines: readonly (object | string)[]) =>
  readJournal(
    new TextEncoder().encode(lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join('')),
    'j',
  )

describe('readJournal', () => {
  test('what was begun, what has ended, what is in flight', () => {
    const { finished, inFlight, applied, ended, lives } = read(head, begun, applies('0', 'x'), ends('0'), applies('1', 'y'))
    expect([...finished.keys()]).toEqual(['0/a'])
    expect([...inFlight.keys()]).toEqual(['1/a'])
    expect(applied.map(({ blob }) => blob)).toEqual(['x', 'y'])
    expect(ended).toBeUndefined()
    expect(lives).toBe(1)
  })

  test('a line that was torn anywhere is passed over, the first one too, and what follows it counts', () => {
    const torn = '{"type":"jou\n'
    const half = '{"type":"step-finished","at":3,"step":{"key":"0/'
    expect([...read(torn, head, begun, applies('0', 'x'), `${half}\n`, head, begun, ends('0')).finished.keys()]).toEqual(['0/a'])
    expect([...read(head, begun, applies('0', 'x'), half).inFlight.keys()]).toEqual(['0/a'])
  })

  test('every line says when the run was last seen, those that change nothing too, a torn one not', () => {
    const started = { type: 'step-started', at: 9, step: step('1') }
    expect(read(head, begun, started).last).toBe(9)
    expect(read(head, begun, started, { ...begun, at: 10 }).last).toBe(10)
    expect(read(head, begun, '{"type":"step-started","at":9,"st').last).toBe(1)
  })

  test('the last that was found of a host, but for what a secret was masked in', () => {
    const found = (facts: object, host = 'a') => ({ type: 'facts-gathered', at: 2, host, facts })
    const { facts } = read(head, begun, found({ kernel: '6.1', processors: 2 }), found({ kernel: '6.2', hostname: 'x-********' }))
    expect([...facts]).toEqual([['a', { kernel: '6.2', processors: 2 }]])
  })

  test('text beyond ASCII comes through', () => {
    expect(read(head, begun, ends('0', { result: { msg: 'größer → 🙂' } })).finished.get('0/a')?.result).toEqual({
      msg: 'größer → 🙂',
    })
  })

  test('what was undone is no longer done; what was begun twice is undone once, where it was begun last', () => {
    const lines = [head, begun, applies('0', 'x'), applies('1', 'y'), applies('0', 'x'), ends('0'), ends('1')]
    expect(read(...lines).applied.map(({ blob }) => blob)).toEqual(['y', 'x'])
    const takenBack = [...lines, { type: 'step-undone', at: 5, step: step('0'), blob: 'x' }]
    const { applied, finished, undone } = read(...takenBack)
    expect(applied.map(({ blob }) => blob)).toEqual(['y'])
    expect([...undone]).toEqual(['0/a'])
    expect([...read(...takenBack, applies('0', 'z')).undone]).toEqual([])
    expect([...finished.keys()]).toEqual(['1/a'])
  })

  test('an undo that was begun is known by the runs that began it, until it is done, or the step is applied again', () => {
    const lines = [head, begun, applies('0', 'x'), ends('0')]
    const undoes = (by: string) => ({ type: 'undo-started', at: 5, step: step('0'), blob: 'x', by })
    const undoing = (...more: object[]) => read(...lines, ...more).applied.map((one) => one.undoing)
    expect(undoing()).toEqual([[]])
    expect(undoing(undoes('U1'), undoes('U2'), undoes('U1'))).toEqual([['U1', 'U2']])
    expect(undoing(undoes('U1'), { type: 'step-undone', at: 5, step: step('0'), blob: 'x' })).toEqual([])
    expect(undoing(undoes('U1'), applies('0', 'x'))).toEqual([[]])
  })

  test.each([
    ['a status is an answer', false, [begun, applies('0', 'x'), ends('0', failed)]],
    ['a lost connection is none', true, [begun, applies('0', 'x'), ends('0', lost('unreachable'))]],
    ['nor is the end of patience', true, [begun, applies('0', 'x'), ends('0', lost('timeout'))]],
    ['a failure before it was begun again says nothing', true, [begun, applies('0', 'x'), begun, ends('0', lost('refused'))]],
    ['one of what was begun again does', false, [begun, applies('0', 'x'), begun, applies('0', 'x'), ends('0', failed)]],
    ['what the playbook ignores is over', false, [begun, applies('0', 'x'), ends('0', { ...lost('timeout'), ignored: true })]],
    ['what was found done is over', false, [begun, applies('0', 'x'), begun, ends('0')]],
  ])('in flight: %s', (_what, inFlight, lines) => {
    expect(read(head, ...lines).inFlight.has('0/a')).toBe(inFlight)
  })

  test('what is no journal is refused, and one of a later version too', () => {
    expect(() => read('hello\n')).toThrow('cannot be read as a journal')
    expect(() => read(begun)).toThrow('cannot be read as a journal')
    expect(() => read(head)).toThrow('cannot be read as a journal')
    expect(() => read({ type: 'journal', version: 3 }, begun)).toThrow('cannot be read as a journal')
  })
})

describe('hosts that have not come to the end', () => {
  const life = (...hosts: string[]) => ({ ...begun, hosts })
  const ended = (exitCode: number, unfinished?: string[]) => ({ type: 'run-finished', at: 9, exitCode, unfinished })

  test.each([
    ['all of a life that was cut off', [life('a', 'b')], ['a', 'b']],
    ['those that the end of a life names', [life('a', 'b'), ended(1, ['b'])], ['b']],
    [
      'a life that was cut off has finished nobody, nor made anybody unfinished',
      [life('a', 'b'), ended(1, ['b']), life('a', 'b')],
      ['b'],
    ],
    ['a host that no later life was about', [life('a', 'b'), ended(1, ['a', 'b']), life('b'), ended(0, [])], ['a']],
    ['a host that only a later life is about', [life('a'), ended(1, ['a']), life('a', 'b')], ['a', 'b']],
    ['an older journal that ended well: nobody', [life('a', 'b'), ended(0)], []],
    ['an older journal that did not: nobody knows', [life('a', 'b'), ended(1)], ['a', 'b']],
    ['an older journal whose hosts were resumed in part', [life('a', 'b'), ended(1), life('b'), ended(0)], ['a']],
  ])('%s', (_what, lines, unfinished) => {
    expect([...read(head, ...lines).unfinished]).toEqual(unfinished)
  })

  test('failed are those whose failure counts, and that have not been finished since', () => {
    const lines = [life('a'), ends('0.tasks.1.block.0', failed)]
    expect(failedHosts(read(head, ...lines))).toEqual(['a'])
    expect(failedHosts(read(head, ...lines, { type: 'rescued', at: 4, host: 'a', block: '0.tasks.1' }))).toEqual([])
    expect(failedHosts(read(head, ...lines, ended(0, [])))).toEqual([])
    expect(failedHosts(read(head, life('a'), ends('0', { ...failed, ignored: true })))).toEqual([])
  })
})

describe('a failure that a rescue has taken over is not tried again', () => {
  test.each([
    ['0.tasks.1.block.0', '0.tasks.1.rescue.0', true],
    ['0.tasks.1.block.0', '0.tasks.2.rescue.0', false],
    ['0.tasks.1.block.0.block.3', '0.tasks.1.rescue.0', true],
    ['0.tasks.1.block.0.block.3', '0.tasks.1.block.0.rescue.0.block.1', true],
    ['0.tasks.1.rescue.0.block.0', '0.tasks.1.rescue.0.rescue.2', true],
    ['0.tasks.1.rescue.0.block.0', '0.tasks.1.rescue.2', false],
  ])('%s, %s', (task, rescue, begunThere) => {
    const past = replayable(read(head, begun, ends(task, failed), ends(rescue)), `${task}/a`)
    expect(past !== undefined).toBe(begunThere)
    const flying = replayable(read(head, begun, ends(task, failed), applies(rescue, 'x')), `${task}/a`)
    expect(flying !== undefined).toBe(begunThere)
  })
})
