/** The pipeline: a journal that cannot be written, secrets. */
import { describe, expect, test } from 'vitest'
import { dedent } from '../../scenes/dedent.ts'
import { play } from '../../scenes/play.ts'
import { type Scene, scene } from '../../scenes/scene.ts'

const LOST = {
  message: 'the journal could not be written, so nothing more is started',
  kind: 'refused',
  why: expect.stringContaining('no space is left on the disk'),
  help: 'make room on the controller’s disk, then resume the run',
}

const ends = ({ events }: Scene) => events().flatMap((event) => (event.type === 'run-finished' ? [event.exitCode] : []))
const journal = ({ world }: Scene) =>
  [...world.disk].flatMap(([path, content]) => (path.endsWith('.jsonl') ? new TextDecoder().decode(content).split('\n') : []))

const LOOP = dedent`
  - name: five
    set: { thing: "t{{ item }}", to: "1" }
    loop: [1, 2, 3, 4, 5]
`
const ALL = ['a', 'b'].flatMap((host) => [1, 2, 3, 4, 5].map((item) => `${host} t${item}=1`))

describe('the journal cannot be written', () => {
  // Once, whichever write it is; then there is room again, and all that was done is written.
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    'at write %i: the run does not end well, and a resume goes on with it',
    async (at) => {
      let writes = 0
      const its = scene(LOOP, { full: (path) => path.endsWith('.jsonl') && ++writes === at })
      await expect(its.apply()).rejects.toMatchObject(LOST)
      expect(ends(its)).toEqual([4])
      expect(its.stage.did.length).toBeLessThan(10)
      expect(journal(its).some((line) => line.includes('"exitCode":4'))).toBe(true)
      const before = its.did()
      expect(await its.resume()).toBe(0)
      expect([...before, ...its.did()].toSorted()).toEqual(ALL)
    },
  )

  test('for good: the error is the same, and the journal has no end', async () => {
    let writes = 0
    const its = scene(LOOP, { full: (path) => path.endsWith('.jsonl') && ++writes >= 3 })
    await expect(its.apply()).rejects.toMatchObject(LOST)
    expect(journal(its).some((line) => line.includes('run-finished'))).toBe(false)
  })

  test('nothing more is started on any host', async () => {
    const full = { now: false }
    const its = scene(
      dedent`
        - name: one
          set: { thing: x, to: "1" }
        - name: two
          set: { thing: y, to: "1" }
      `,
      {
        // Only what the one host has done cannot be kept.
        full: (path) => path.endsWith('.jsonl') && full.now && !(full.now = false),
      },
    )
    const { set } = its.stage.things
    its.stage.things.set = (thing, value) => {
      full.now = true
      return set.call(its.stage.things, thing, value)
    }
    await expect(its.apply()).rejects.toMatchObject(LOST)
    expect(its.stage.did.some((done) => done.includes('y='))).toBe(false)
  })

  test('nor is a step whose before-image has no room: there is nothing to undo, and a resume does it, whatever it ignores', async () => {
    let room = false
    const its = scene(
      dedent`
        - name: one
          set: { thing: x, to: "1" }
          ignore_errors: true
      `,
      {
        full: (path) => !room && path.includes('/blobs/'),
      },
    )
    await expect(its.apply()).rejects.toMatchObject(LOST)
    expect(its.stage.did).toEqual([])
    expect(journal(its).some((line) => line.includes('apply-started'))).toBe(false)
    room = true
    expect(await its.resume()).toBe(0)
    expect(its.stage.did.toSorted()).toEqual(['a x=1', 'b x=1'])
  })

  test('its last line: all was done, and it was not kept that it was', async () => {
    const its = scene(
      dedent`
        - name: look
          look: { thing: x }
      `,
      { full: (path) => path.endsWith('.jsonl') },
    )
    await expect(its.apply()).rejects.toMatchObject(LOST)
    expect(ends(its)).toEqual([4])
  })
})

describe('secrets', () => {
  const PEM = [
    '-----BEGIN PRIVATE KEY-----',
    'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC',
    'BKcwggSjAgEAAoIBAQC7',
    '-----END PRIVATE KEY-----',
  ].join('\n')
  const secret = (schema: string, value: string) =>
    `name: t\nparams:\n  s: { ${schema}, description: k, secret: true }\nplays:\n  - name: p\n    hosts: a\n    tasks:\n      - name: use\n        say: { value: ${value} }\n`
  const kept = ({ world }: Awaited<ReturnType<typeof play>>): string =>
    [
      world.written.stdout,
      world.written.stderr,
      ...[...world.disk].flatMap(([path, content]) =>
        path.includes('.runbook') && !path.includes('blobs') ? [new TextDecoder().decode(content)] : [],
      ),
    ].join('\n')

  test('of several lines are masked line by line and as JSON', async () => {
    const played = await play(secret('type: string', `["{{ s }}", "{{ json s }}", "${PEM.split('\n')[1]}"]`), {
      request: { what: { params: [{ name: 's', text: `${PEM}\n` }] } },
    })
    expect(played.code).toBe(0)
    expect(kept(played)).toContain('(hidden)')
    for (const line of ['MIIEvQ', 'BKcwgg']) expect(kept(played)).not.toContain(line)
  })

  test('every text and number in a list or an object is masked', async () => {
    const list = await play(secret('type: array, items: { type: string }', '"{{ s.1 }}!"'), {
      request: { what: { params: [{ name: 's', text: 'sesame-one,sesame-two' }] } },
    })
    expect(list.finished[0]?.result['value']).toBe('(hidden)!')
    expect(kept(list)).not.toContain('sesame')
    const object = await play(
      secret('type: object, additionalProperties: { type: array, items: { type: integer } }', '"{{ s.pins.0 }}"'),
      {
        request: { what: { params: [{ name: 's', text: '{"pins": [24681357, 97531864]}' }] } },
      },
    )
    expect(object.code).toBe(0)
    expect(kept(object)).not.toMatch(/24681357|97531864/)
  })

  test('a password of the inventory is masked, also one of digits', async () => {
    const text = dedent`
      name: t
      plays:
        - name: p
          hosts: a
          tasks:
            - name: use
              set: { thing: x, to: "{{ ansible_become_password }}!" }
    `
    const played = await play(text, { inventory: 'all: { hosts: { a: { ansible_become_password: 24681357 } } }' })
    expect(played.finished[0]?.result['value']).toBe('(hidden)!')
    expect(kept(played)).not.toContain('24681357')
  })

  test('one that is too short to be masked is told, without its value', async () => {
    const { world } = await play(secret('type: string', '1'), { request: { what: { params: [{ name: 's', text: 'q7z' }] } } })
    expect(world.written.stderr).toContain('warning: the secret parameter `s` is not masked in all its parts')
    expect(world.written.stderr).not.toContain('q7z')
    const long = await play(secret('type: string', '1'), { request: { what: { params: [{ name: 's', text: 'q7zq7z' }] } } })
    expect(long.world.written.stderr).toBe('')
  })
})
