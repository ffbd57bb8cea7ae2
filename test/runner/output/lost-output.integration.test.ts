import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ended, type Workplace, workplace } from '../../scenes/real-run.ts'

const STEPS = 40

describe('output that is too much, or has nowhere to go', () => {
  let place: Workplace
  beforeAll(() => {
    place = workplace({
      'steps.yml': `
        plays:
          - hosts: localhost
            tasks:
              - name: ${'a long name, so that a few of them fill a page '.repeat(3)}
                shell: { cmd: "echo {{ item }} >> done" , chdir: "{{ folder }}" }
                loop: ${JSON.stringify(Array.from({ length: STEPS }, (_, index) => index))}
        params: { folder: { type: string, description: Where } }`,
      'much.yml': `
        plays:
          - hosts: localhost
            tasks:
              - name: much
                shell: { cmd: "echo first; seq 2000000; echo last" }
                register: said
              - name: ends
                debug: { msg: "{{ said.stdout_lines.0 }} {{ said.stdout_left_out }} {{ json said.stderr_lines }}" }
              - name: fails
                shell: { cmd: "seq 2000000 >&2; exit 3" }`,
    })
  })
  afterAll(() => place.remove())

  /** Its standard output is a file or device; what is said is its standard error. */
  const into = (out: string, ...args: readonly string[]): Promise<Ended> =>
    place.runbook(args, { within: (argv) => ['sh', '-c', 'exec "$@" >"$0"', out, ...argv] })
  const done = () => readFileSync(place.path('done'), 'utf8').split('\n').length - 1
  const newest = () => place.runs().at(-1) ?? ''
  const mustHaveEndedWell = ({ code, text }: Ended, steps: number) => {
    expect({ code, text }).toEqual({ code: 0, text: expect.stringMatching(/^Standard output cannot be written \(ENOSPC.*\n$/) })
    expect(done()).toBe(steps)
    const events = place.journal(newest())
    expect(events.filter(({ type }) => type === 'step-finished')).toHaveLength(STEPS)
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', exitCode: 0 })
  }

  test('a device that is full: the run continues, and says so once', async () => {
    mustHaveEndedWell(await into('/dev/full', 'apply', 'steps.yml', '-p', `folder=${place.folder}`), STEPS)
  })

  test.skipIf(process.getuid?.() !== 0)('a disk that becomes full in the middle of a run', async () => {
    const disk = place.path('disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', disk])
    try {
      mustHaveEndedWell(await into(`${disk}/out`, 'apply', 'steps.yml', '-p', `folder=${place.folder}`), 2 * STEPS)
      expect(statSync(`${disk}/out`).size).toBeGreaterThan(0)
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test('of a command that prints much the two ends are kept, and its lines are written down once', async () => {
    const { code, text } = await place.runbook(['apply', 'much.yml'])
    expect(code).toBe(1)
    expect(text).toMatch(/^ +first 138\d{5} \[\]$/m)
    expect(text).not.toContain('RangeError')
    const [much, , fails] = place.journal(newest()).flatMap((event) => (event.type === 'step-finished' ? [event] : []))
    const { stdout, ...rest } = much?.result ?? {}
    const [head = '', tail = ''] = String(stdout).split('… 13.2 MiB left out …')
    expect([head.slice(0, 12), tail.slice(-13)]).toEqual(
      ['first\n1\n2\n3\n', '2000000\nlast'].map((text) => expect.stringContaining(text)),
    )
    expect(JSON.stringify(rest).length).toBeLessThan(500)
    expect(fails?.failure?.stderr?.length).toBeLessThan(2001)
    expect(statSync(place.path(`.runbook/runs/${newest()}/journal.jsonl`)).size).toBeLessThan(4 * 1024 ** 2)
  })
})
