/** The module `ini`: sets and removes options of an INI file and leaves every other byte alone. */
import { type Change, isSecretSetting, type ObjectSchema, type TypeOf, invalidInput } from '../runner/module.ts'
import { editedFile, fileParams } from './lib/resources/file.ts'
import { resourceModule } from './lib/resources/resource.ts'
import { readOption, setOption, type Wanted } from './lib/text/ini.ts'
import { decodeText, encodeText } from './lib/text/lines.ts'

const params = {
  type: 'object',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: { type: 'string', pattern: '^/', description: 'Path of the file.' },
    section: { type: 'string', minLength: 1, description: 'Section of the option, without brackets.' },
    option: { type: 'string', minLength: 1, description: 'Name of the option.' },
    value: {
      description: 'Value of the option: text, number, true or false. For an option that may be repeated, a list of values.',
    },
    state: {
      type: 'string',
      enum: ['present', 'absent'],
      default: 'present',
      description: '`absent` removes the option.',
    },
    options: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: { description: 'Value, as in `value`; null removes the option.' },
        description: 'Options of the section.',
      },
      description: 'Several options by section, instead of `section`, `option` and `value`.',
    },
    create: { type: 'boolean', default: false, description: 'Create the file if it is missing.' },
    ...fileParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

export default resourceModule({
  name: 'ini',
  summary: 'Set or remove options of an INI file, such as nova.conf. Every other byte stays unchanged.',
  description: [
    'The file is read as oslo.config reads it: the last assignment of an option wins, an indented line continues the line before, quotes around a value are dropped, and the case of a section name is ignored, except for DEFAULT.',
    'A text or number sets the last assignment of the option. A list sets all assignments of an option that may be repeated. `null` removes all assignments. A new option is added below its commented-out example, or else after the last option of its section.',
  ].join('\n\n'),
  params,
  returns: { path: 'Path of the file.' },
  examples: [
    {
      name: 'One option',
      params: { path: '/etc/nova/nova.conf', section: 'libvirt', option: 'live_migration_inbound_addr', value: '10.0.0.5' },
    },
    {
      name: 'Several options at once',
      params: {
        path: '/etc/nova/nova.conf',
        options: {
          DEFAULT: { my_ip: '10.0.0.5', force_config_drive: null },
          libvirt: { live_migration_scheme: 'tls', live_migration_permit_auto_converge: true },
        },
      },
    },
    {
      name: 'An option that may be repeated',
      params: { path: '/etc/nova/nova.conf', section: 'pci', option: 'alias', value: ['{"name": "gpu"}', '{"name": "nic"}'] },
    },
  ],

  validate: (params) => void wishesOf(params),

  resources(params, host) {
    const wishes = wishesOf(params)
    return [
      editedFile({
        ...params,
        host,
        removes: wishes.every(({ wanted }) => wanted === undefined || (typeof wanted !== 'string' && wanted.length === 0)),
        edit: (bytes) => edited(params.path, wishes, bytes),
        differences: (bytes) => differences(wishes, decodeText(bytes).text),
      }),
    ]
  },
})

interface Wish {
  readonly section: string
  readonly option: string
  readonly wanted: Wanted
}

function wishesOf({ section, option, value, state, options }: Params): readonly Wish[] {
  if (options !== undefined) {
    if (section !== undefined || option !== undefined || value !== undefined)
      throw invalidInput('`options` excludes `section`, `option` and `value`')
    return Object.entries(options).flatMap(([name, its]) =>
      Object.entries(its).map(([key, given]) => wish(name, key, given === null ? undefined : given)),
    )
  }
  if (section === undefined || option === undefined)
    throw invalidInput('the option is missing', 'give `section`, `option` and `value`, or `options`')
  if (state === 'absent') {
    if (value !== undefined) throw invalidInput('`state: absent` and `value` exclude each other', 'remove `value`')
    return [wish(section, option, undefined)]
  }
  if (value === undefined || value === null)
    throw invalidInput(`the value of [${section}] ${option} is missing`, 'give `value`, or `state: absent` to remove the option')
  return [wish(section, option, value)]
}

function wish(section: string, option: string, value: unknown): Wish {
  if (!/^[^\s=:#;[](?:[^=:\r\n]*[^\s=:])?$/.test(option)) throw invalidInput(`\`${option}\` cannot be the name of an option`)
  if (!/^[^\r\n]*[^\s]$/.test(section)) throw invalidInput(`\`${section}\` cannot be the name of a section`)
  const name = `[${section}] ${option}`
  return {
    section,
    option,
    wanted: Array.isArray(value) ? value.map((one) => text(one, name)) : value === undefined ? undefined : text(value, name),
  }
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw invalidInput(
    `the value of ${name} is ${value === null ? 'null' : Array.isArray(value) ? 'a list' : 'a mapping'}, which no INI file can hold`,
  )
}

function edited(path: string, wishes: readonly Wish[], bytes: Uint8Array): Uint8Array {
  const { text: old, encoding } = decodeText(bytes)
  return encodeText(
    wishes.reduce((now, { section, option, wanted }) => setOption(now, section, option, wanted), old),
    encoding,
    path,
  )
}

/** One difference for each option. A text is compared with the last assignment only, the one that oslo.config uses. */
function differences(wishes: readonly Wish[], old: string): readonly Omit<Change, 'resource'>[] {
  return wishes.flatMap(({ section, option, wanted }) => {
    const values = readOption(old, section, option)
    const before = typeof wanted === 'string' ? values.at(-1) : values.length === 0 ? undefined : values.join('\n')
    const after =
      typeof wanted === 'string' ? wanted : wanted === undefined || wanted.length === 0 ? undefined : wanted.join('\n')
    const same = typeof wanted === 'string' ? before === after : JSON.stringify(values) === JSON.stringify(wanted ?? [])
    return same
      ? []
      : [
          {
            property: `[${section}] ${option}`,
            before,
            after,
            ...(isSecretSetting(option, before, after) ? { sensitive: true as const } : {}),
          },
        ]
  })
}
