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
    path: { type: 'string', pattern: '^/', description: 'The file.' },
    section: { type: 'string', minLength: 1, description: 'Section of the single option to set, without brackets.' },
    option: { type: 'string', minLength: 1, description: 'Name of the single option to set.' },
    value: {
      description:
        'Value of the single option: text, number, true or false, or a list of them for an option that may be repeated.',
    },
    state: {
      type: 'string',
      enum: ['present', 'absent'],
      default: 'present',
      description: '`absent` removes the single option.',
    },
    options: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: { description: 'Value as in `value`, or null to remove the option.' },
        description: 'The options of this section.',
      },
      description: 'Several options at once: sections with their options, instead of `section`, `option` and `value`.',
    },
    create: { type: 'boolean', default: false, description: 'Make the file where there is none.' },
    ...fileParams,
  },
} as const satisfies ObjectSchema

type Params = TypeOf<typeof params>

/** Sets options of INI files (nova.conf and its like), leaving every other byte as it was. */
export default resourceModule({
  name: 'ini',
  summary: 'Set or remove options of an INI file, such as nova.conf, and leave every other byte as it is.',
  description: [
    'The file is read as oslo.config reads it: the last assignment of an option counts, an indented line goes on the line before, quotes around a value are dropped, the case of a section does not matter (but DEFAULT).',
    'A text or number sets the last assignment of the option; a list sets all of them, for options that may be repeated; `null` removes all. A new option goes below its commented-out example where the file has one, otherwise behind the last option of its section.',
  ].join('\n\n'),
  params,
  returns: { path: 'The file.' },
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
    throw invalidInput('there is nothing to set', 'give `section`, `option` and `value`, or `options`')
  if (state === 'absent') {
    if (value !== undefined) throw invalidInput('`state: absent` removes the option whatever its value is', 'leave `value` out')
    return [wish(section, option, undefined)]
  }
  if (value === undefined || value === null)
    throw invalidInput(`there is no value for [${section}] ${option}`, 'give `value`, or `state: absent` to remove the option')
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

/**
 * One difference for each option: what is seen of it before and after. A text looks at the last assignment only, which is the one
 * that counts.
 */
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
