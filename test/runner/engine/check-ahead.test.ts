import { describe, expect, test } from 'vitest'
import { defineModule } from '../../../runner/module.ts'
import { play } from '../../scenes/play.ts'

/** Renders a file of the controller, whose names nobody knows before it is read. */
const letter = defineModule({
  name: 'letter',
  summary: 'Renders a file.',
  params: { type: 'object', additionalProperties: false, properties: {} },
  examples: [],
  async check(_params, target) {
    const text = new TextDecoder().decode(await target.controllerFile('letter.hbs'))
    return { changes: [], before: undefined, result: { text: target.render(text, 'letter.hbs') } }
  },
})

describe('what a step before it registers reaches a file that is rendered', () => {
  const written = async (tasks: string) => {
    const { finished } = await play(`name: t\nplays:\n  - hosts: all\n    tasks:\n${tasks}`, {
      inventory: 'all: { hosts: { a: } }\n',
      files: { 'letter.hbs': 'I am {{ said.value }}' },
      modules: [letter],
    })
    return finished.map(({ result, failure }) => failure?.what ?? result['text']).filter((text) => text !== undefined)
  }

  test('where nothing was changed in between', async () => {
    expect(
      await written('      - { name: one, say: { value: new }, register: said }\n      - { name: two, letter: {} }\n'),
    ).toEqual(['I am new'])
  })

  test('where it replaces what was registered earlier', async () => {
    const first = '      - { name: one, say: { value: old }, register: said }\n      - { name: two, letter: {} }\n'
    const again = '      - { name: three, say: { value: new }, register: said }\n      - { name: four, letter: {} }\n'
    expect(await written(first + again)).toEqual(['I am old', 'I am new'])
  })
})

test('what is looked at grows with the number of tasks, not with its square', async () => {
  const looks = async (tasks: number): Promise<number> => {
    let count = 0
    const watched = new Proxy(letter, { get: (of, key) => (key === 'scope' ? void count++ : Reflect.get(of, key)) })
    const { code } = await play(`name: t\nplays:\n  - hosts: all\n    tasks:\n${'      - { letter: {} }\n'.repeat(tasks)}`, {
      inventory: 'all: { hosts: { a: } }\n',
      files: { 'letter.hbs': 'x' },
      modules: [watched],
      request: { goal: 'plan' },
    })
    expect(code).toBe(0)
    return count
  }
  expect(await looks(80)).toBeLessThan(3 * (await looks(40)))
})
