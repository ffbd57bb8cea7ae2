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
    path: { type: 'string', pattern: '^/', description: 'The file.' },
    line: {
      type: 'string',
      pattern: '^[^\\r\\n]*$',
      description: 'The line, without its end. Not needed to remove by `regexp` or `search_string`.',
    },
    regexp: {
      type: 'string',
      minLength: 1,
      description: 'Regular expression (RE2) that finds the line to replace or the lines to remove.',
    },
    search_string: { type: 'string', minLength: 1, description: 'Text that finds them, instead of `regexp`.' },
    state: {
      type: 'string',
      enum: ['present', 'absent'],
      default: 'present',
      description: '`absent` removes every line that is found.',
    },
    insertafter: {
      type: 'string',
      minLength: 1,
      description:
        'A new line goes after the last line that this regular expression matches, or to the end: `EOF` (the default).',
    },
    insertbefore: {
      type: 'string',
      minLength: 1,
      description: 'A new line goes before the last line that this regular expression matches, or to the start: `BOF`.',
    },
    firstmatch: { type: 'boolean', default: false, description: 'The first line that matches counts instead of the last.' },
    backrefs: {
      type: 'boolean',
      default: false,
      description: '`line` may hold `\\1` or `\\g<name>` for groups of `regexp`; where nothing matches, nothing is added.',
    },
    create: { type: 'boolean', default: false, description: 'Make the file where there is none.' },
    ...fileParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

/** Makes sure of one line in a text file. */
export default resourceModule({
  name: 'lineinfile',
  summary: 'Make sure that a line is in a file, or that it is not.',
  description:
    'With `regexp`, the last line that matches becomes `line`. Where none matches, and the line is nowhere in the file, it is added. An edit that would change the file again at every run is refused. For INI files use `ini`.',
  params,
  returns: { path: 'The file.' },
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
  if (state === 'present' && line === undefined) throw invalidInput('there is no `line` to add')
  if (state === 'absent' && line === undefined && regexp === undefined && search_string === undefined) {
    throw invalidInput('nothing says which lines to remove', 'give `line`, `regexp` or `search_string`')
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
    throw invalidInput(
      `the edit of ${path} would change the file again at every run`,
      'write a `regexp` that also matches the line once it is as wanted',
    )
  }
  return encodeText(once, encoding, path)
}

function editOnce(text: string, edit: LineEdit): string {
  try {
    return editLines(text, edit)
  } catch (error) {
    if (error instanceof RangeError) throw invalidInput(error.message, 'look at the groups of `regexp`')
    throw error
  }
}
