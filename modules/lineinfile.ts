/** The module `lineinfile`: adds, replaces or removes a line of a text file. */
import { type ObjectSchema, type TypeOf, invalidInput } from '../runner/module.ts'
import { editedFile, fileParams } from './lib/resources/file.ts'
import { resourceModule } from './lib/resources/resource.ts'
import { editLines, type LineEdit } from './lib/text/line-edit.ts'
import { pattern } from './lib/text/pattern.ts'
import { decodeText, encodeText } from './lib/text/lines.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: { type: 'string', pattern: '^/', description: 'Path of the file.' },
    line: {
      type: 'string',
      pattern: '^[^\\r\\n]*$',
      description: 'The line, without line end. Optional when `regexp` or `search_string` finds lines to remove.',
    },
    regexp: {
      type: 'string',
      minLength: 1,
      description: 'Regular expression (RE2) for the line to replace or the lines to remove.',
    },
    search_string: {
      type: 'string',
      minLength: 1,
      description: 'Text for the line to replace or the lines to remove, instead of `regexp`.',
    },
    state: {
      type: 'string',
      enum: ['present', 'absent'],
      default: 'present',
      description: '`absent` removes every matching line.',
    },
    insertafter: {
      type: 'string',
      minLength: 1,
      description: 'Add a new line after the last match of this regular expression, or at the end: `EOF` (default).',
    },
    insertbefore: {
      type: 'string',
      minLength: 1,
      description: 'Add a new line before the last match of this regular expression, or at the start: `BOF`.',
    },
    firstmatch: { type: 'boolean', default: false, description: 'Use the first matching line instead of the last.' },
    backrefs: {
      type: 'boolean',
      default: false,
      description: '`line` may contain `\\1` or `\\g<name>` for groups of `regexp`. If no line matches, nothing is added.',
    },
    create: { type: 'boolean', default: false, description: 'Create the file if it is missing.' },
    ...fileParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

export default resourceModule({
  name: 'lineinfile',
  summary: 'Add, replace or remove a line of a text file.',
  description:
    'With `regexp`, the last matching line becomes `line`. If no line matches, `line` is added, unless the file already has it. An edit that would change the file again on every run is an error. For INI files, use `ini`.',
  params,
  returns: { path: 'Path of the file.' },
  examples: [
    {
      name: 'Replace a line, commented out or not',
      params: { path: '/etc/libvirt/libvirtd.conf', regexp: '^#?listen_tcp\\s*=', line: 'listen_tcp = 1' },
    },
    { name: 'Add a line after another', params: { path: '/etc/hosts', line: '10.0.0.15 compute15', insertafter: '^127\\.' } },
    {
      name: 'Keep a part of the line',
      params: {
        path: '/etc/default/libvirtd',
        regexp: '^(LIBVIRTD_ARGS=")(?:--listen )?(.*)$',
        line: '\\1--listen \\2',
        backrefs: true,
      },
    },
    { name: 'Remove lines', params: { path: '/etc/hosts', regexp: '\\bcompute99\\b', state: 'absent' } },
  ],

  validate: (params) => void editOf(params),

  resources(params, host) {
    const edit = editOf(params)
    return [
      editedFile({ ...params, host, removes: params.state === 'absent', edit: (bytes) => edited(params.path, edit, bytes) }),
    ]
  },
})

function editOf(params: Params): LineEdit {
  const { line, regexp, search_string, state, insertafter, insertbefore, backrefs, firstmatch } = params
  if (regexp !== undefined && search_string !== undefined) throw invalidInput('`regexp` and `search_string` exclude each other')
  if (insertafter !== undefined && insertbefore !== undefined)
    throw invalidInput('`insertafter` and `insertbefore` exclude each other')
  if (backrefs && regexp === undefined) throw invalidInput('`backrefs` needs `regexp`')
  if (state === 'present' && line === undefined) throw invalidInput('`line` is missing')
  if (state === 'absent' && line === undefined && regexp === undefined && search_string === undefined) {
    throw invalidInput('the lines to remove are missing', 'give `line`, `regexp` or `search_string`')
  }
  const expression = regexp === undefined ? undefined : pattern(regexp, 'regexp')
  return {
    state,
    line,
    backrefs,
    firstmatch,
    matches: expression
      ? (text) => expression.match(text)
      : search_string === undefined
        ? undefined
        : (text) => text.includes(search_string),
    place: placeOf(insertafter, insertbefore),
  }
}

function placeOf(after: string | undefined, before: string | undefined): LineEdit['place'] {
  if (before === 'BOF') return 'start'
  if (before !== undefined) return { side: 'before', of: pattern(before, 'insertbefore') }
  return after === undefined || after === 'EOF' ? 'end' : { side: 'after', of: pattern(after, 'insertafter') }
}

function edited(path: string, edit: LineEdit, bytes: Uint8Array): Uint8Array {
  const { text, encoding } = decodeText(bytes)
  const once = editOnce(text, edit)
  if (editOnce(once, edit) !== once) {
    throw invalidInput(`the edit would change ${path} again on every run`, 'use a `regexp` that also matches the new line')
  }
  return encodeText(once, encoding, path)
}

function editOnce(text: string, edit: LineEdit): string {
  try {
    return editLines(text, edit)
  } catch (error) {
    if (error instanceof RangeError)
      throw invalidInput(error.message, 'correct the groups of `regexp` or their references in `line`')
    throw error
  }
}
