/** The module `sysctl`: a kernel parameter, now and at every boot. */
import { type Change, invalidInput, isSecretSetting, type ObjectSchema, type TypeOf } from '../runner/module.ts'
import { editedFile } from './lib/resources/file.ts'
import { isSameValue, kernelParameter, normalised, parameterName } from './lib/resources/kernel-parameter.ts'
import { resourceModule } from './lib/resources/resource.ts'
import { editLines } from './lib/text/line-edit.ts'
import { decodeText, encodeText, splitLines } from './lib/text/lines.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: {
      type: 'string',
      pattern: '^[A-Za-z0-9_][^./\\s=*?#;[]*([./][^./\\s=*?#;[]+)+$',
      description: 'Kernel parameter, with dots or slashes: `vm.swappiness`, `net/ipv4/conf/eth0.5/rp_filter`.',
    },
    value: {
      description: 'Value: text or number; true is 1, false is 0. Blanks and tabs between the numbers of a list are the same.',
    },
    state: {
      type: 'string',
      enum: ['present', 'absent'],
      default: 'present',
      description: '`absent` removes the parameter from the file. The running kernel keeps its value until it starts again.',
    },
    sysctl_file: {
      type: 'string',
      pattern: '^/.*\\.conf$',
      default: '/etc/sysctl.d/99-runbook.conf',
      description: 'Path of the file, created if it is missing. At boot, a later file overrides an earlier one.',
    },
    reload: {
      type: 'boolean',
      default: true,
      description: 'Set the value in the running kernel too. The other parameters of the file are not loaded.',
    },
    sysctl_set: {
      type: 'boolean',
      default: false,
      description: 'Set the value in the running kernel even with `reload: false`.',
    },
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

export default resourceModule({
  name: 'sysctl',
  summary: 'Set a kernel parameter in the running kernel and in a file of /etc/sysctl.d.',
  description:
    'The kernel comes first: a value that it refuses never reaches the file. If several lines of the file set the parameter, the last one counts and is changed. With `reload: false` only the file is changed, and the parameter may still be unknown to the kernel.',
  params,
  returns: {
    name: 'The parameter, with dots.',
    value:
      'Its value in the running kernel, as the kernel writes it. Missing if only the file is changed, or if the value is secret.',
    path: 'The file.',
  },
  examples: [
    { name: 'Swap late', params: { name: 'vm.swappiness', value: 10 } },
    {
      name: 'A list, in a file of its own',
      params: { name: 'net.ipv4.tcp_rmem', value: '4096 131072 16777216', sysctl_file: '/etc/sysctl.d/60-migration.conf' },
    },
    { name: 'Only from the next boot on', params: { name: 'vm.nr_hugepages', value: 1024, reload: false } },
    { name: 'No longer set at boot', params: { name: 'vm.swappiness', state: 'absent' } },
  ],

  validate: (params) => void wantedOf(params),

  result: ({ name }) => ({ name: parameterName(name) }),

  resources({ sysctl_file: path, reload, sysctl_set, ...params }, host) {
    const name = parameterName(params.name)
    const wanted = wantedOf({ ...params, sysctl_set })
    const inFile = editedFile({
      host,
      path,
      create: true,
      removes: wanted === undefined,
      edit: (bytes) => edited(path, bytes, name, wanted),
      differences: (bytes) => differences(decodeText(bytes).text, name, wanted),
    })
    return wanted !== undefined && (reload || sysctl_set) ? [kernelParameter({ host, name, value: wanted }), inFile] : [inFile]
  },
})

/** Returns the value in the form of the file; undefined if the parameter must be absent. */
function wantedOf({
  name,
  value,
  state,
  sysctl_set,
}: Pick<Params, 'name' | 'value' | 'state' | 'sysctl_set'>): string | undefined {
  if (state === 'absent') {
    if (value !== undefined)
      throw invalidInput('`state: absent` removes the parameter whatever its value is', 'leave `value` out')
    if (sysctl_set) throw invalidInput('`sysctl_set` has no value to set with `state: absent`', 'leave `sysctl_set` out')
    return undefined
  }
  const text = textOf(value)
  if (text !== undefined && /^[^\r\n]*\S[^\r\n]*$/.test(text)) return normalised(text)
  throw invalidInput(
    value === undefined || value === null ? `no value for ${name}` : `the value of ${name} cannot be one of a kernel parameter`,
    'give `value` as a text of one line or a whole number (a number of more than 15 digits in quotes), or `state: absent`',
  )
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'boolean') return value ? '1' : '0'
  return typeof value === 'string' || Number.isSafeInteger(value) ? String(value) : undefined
}

/** One assignment of a file of /etc/sysctl.d, by sysctl.d(5) of systemd 252. */
interface Assignment {
  /** A hyphen if an error of this line is to be ignored at boot. */
  readonly prefix: string
  readonly name: string
  readonly value: string
}

function assignmentIn(line: string): Assignment | undefined {
  const [, prefix = '', name = '', value = ''] = /^\s*(-?)\s*([^#;\s=-][^\s=]*)\s*=\s*(.*?)\s*$/.exec(line) ?? []
  return name === '' ? undefined : { prefix, name: parameterName(name), value }
}

/** Returns the last assignment of the parameter, which is the one that counts. */
const assigned = (text: string, name: string): Assignment | undefined =>
  splitLines(text)
    .map((line) => assignmentIn(line.text))
    .findLast((assignment) => assignment?.name === name)

function edited(path: string, bytes: Uint8Array, name: string, wanted: string | undefined): Uint8Array {
  const { text, encoding } = decodeText(bytes)
  const last = assigned(text, name)
  if (wanted !== undefined && last !== undefined && isSameValue(last.value, wanted)) return bytes
  const after = editLines(text, {
    state: wanted === undefined ? 'absent' : 'present',
    line: `${last?.prefix ?? ''}${name} = ${wanted ?? ''}`,
    matches: (line) => assignmentIn(line)?.name === name,
    backrefs: false,
    firstmatch: false,
    place: 'end',
  })
  return encodeText(after, encoding, path)
}

function differences(text: string, name: string, wanted: string | undefined): readonly Omit<Change, 'resource'>[] {
  const before = assigned(text, name)?.value
  const isSame = before === undefined || wanted === undefined ? before === wanted : isSameValue(before, wanted)
  const sensitive = isSecretSetting(name) ? { sensitive: true as const } : {}
  return isSame ? [] : [{ property: name, before, after: wanted, ...sensitive }]
}
