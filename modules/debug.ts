import { defineModule, Failure } from '../runner/module.ts'
import { tableOf, tableText } from './lib/table.ts'

export default defineModule({
  name: 'debug',
  summary: 'Show a message, a value or a table.',
  description:
    'Instead of Ansible\'s `var: found`, write `value: "{{ found }}"`. A message given with a table or a value is shown above it.',
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      msg: { description: 'Text, or a list of lines. Default, if no other parameter is given: `Hello world!`' },
      value: { description: 'Any value, shown as JSON.' },
      table: {
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: { description: 'Cell.' },
          description: 'Row: a value for each column.',
        },
        description: 'Rows to show as a table.',
      },
      columns: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', minLength: 1, description: 'Key of the rows.' },
        description: 'Keys of the rows to show, in this order. Default: all.',
      },
    },
  },
  scope: 'api',
  returns: {
    msg: 'The text shown.',
    value: 'The value, if given.',
    table: 'The table, if given: `columns` and `rows` as text.',
  },
  examples: [
    { name: 'A message', params: { msg: 'Moving {{ source }} to {{ target }}' } },
    { name: 'A registered value', params: { value: '{{ found }}' } },
    {
      name: 'A table',
      params: { msg: 'Servers on {{ target }}', table: '{{ found.servers }}', columns: ['name', 'status', 'host'] },
    },
  ],

  validate({ value, table, columns }) {
    if (value !== undefined && table !== undefined) throw new Failure('`value` and `table` exclude each other', { kind: 'input' })
    if (columns !== undefined && table === undefined) throw new Failure('`columns` needs `table`', { kind: 'input' })
  },

  async check({ msg, value, table, columns }) {
    const result = shown(msg, value, table, columns)
    return { changes: [], before: undefined, result, message: String(result['msg']) }
  },
})

type Rows = readonly Readonly<Record<string, unknown>>[]

function shown(msg: unknown, value: unknown, rows: Rows | undefined, columns: readonly string[] | undefined) {
  const above = msg === undefined ? [] : [text(msg)]
  if (rows !== undefined) {
    const table = tableOf(rows, columns)
    return { msg: [...above, rows.length === 0 ? '(no rows)' : tableText(table)].join('\n'), table }
  }
  if (value !== undefined) return { msg: [...above, text(value)].join('\n'), value }
  return { msg: above[0] ?? 'Hello world!' }
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : isLines(value) ? value.join('\n') : JSON.stringify(value, undefined, 2)

const isLines = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((line) => typeof line === 'string')
