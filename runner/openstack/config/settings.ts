/** The settings of a cloud apart from its login: TLS, interfaces, timeouts, services. Called by config.ts. */
import path from 'node:path'
import { nearest } from '../../base/suggest.ts'
import type { FileWorld } from './clouds-file.ts'
import { type Table, tableAt, type Text, textAt } from './tree.ts'

/** TLS settings of a cloud; paths are absolute. */
export interface TlsSettings {
  readonly verify: boolean
  readonly cacert: Text | undefined
  readonly cert: Text | undefined
  readonly key: Text | undefined
}

/** Reads a boolean in any spelling of YAML 1.1. */
const truth = (value: Text): boolean | undefined => {
  if (/^(true|yes|on|1|y)$/i.test(value.text)) return true
  return /^(false|no|off|0|n)$/i.test(value.text) ? false : undefined
}

export const readTls = (cloud: Table, { env, cwd }: FileWorld, problems: string[], warnings: string[]): TlsSettings => {
  const file = (value: Text | undefined): Text | undefined =>
    value && { ...value, text: path.resolve(cwd, value.text.replace(/^~(?=\/)/, env['HOME'] ?? '~')) }
  const isSet = (value: Text | undefined, otherwise: boolean): boolean => {
    const read = value && truth(value)
    if (value && read === undefined) problems.push(`${value.where}: this must be true or false`)
    return read ?? otherwise
  }
  const verify = textAt(cloud, 'verify')
  const insecure = textAt(cloud, 'insecure')
  const bundle = verify && truth(verify) === undefined && verify.text.includes('/') ? verify : undefined
  const loose = [...(bundle || isSet(verify, true) ? [] : [verify]), ...(isSet(insecure, false) ? [insecure] : [])]
  if (loose[0])
    warnings.push(`${loose[0].where}: certificates are not checked: whoever controls the network can read the password`)
  const [cert, key] = [textAt(cloud, 'cert'), textAt(cloud, 'key')]
  if (key && !cert) problems.push(`${key.where}: \`key\` needs \`cert\` beside it`)
  return { verify: loose.length === 0, cacert: file(textAt(cloud, 'cacert') ?? bundle), cert: file(cert), key: file(key) }
}

const INTERFACES = ['public', 'internal', 'admin']

/**
 * Reads `interface` or `endpoint_type`: one, or a list by preference; Keystone v2's spelling (`internalURL`) is
 * accepted.
 */
export const readInterfaces = (cloud: Table, problems: string[]): readonly string[] => {
  const value = cloud.entries.get('interface') ?? cloud.entries.get('endpoint_type')
  const items = value === undefined ? [] : value.kind === 'list' ? value.items : [value]
  const names = items.flatMap((item) =>
    item.kind === 'text' && item.text !== '' ? [{ ...item, text: interfaceName(item.text) }] : [],
  )
  for (const { text, where } of names)
    if (!INTERFACES.includes(text)) problems.push(`${where}: interface must be one of ${INTERFACES.join(', ')}`)
  return names.length > 0 ? names.map(({ text }) => text) : ['public']
}
export const interfaceName = (text: string): string => text.replace(/URL$/, '')

export const readTimeout = (cloud: Table, problems: string[]): number | undefined => {
  const value = textAt(cloud, 'api_timeout')
  if (value === undefined) return undefined
  const seconds = Number(value.text)
  if (Number.isFinite(seconds) && seconds > 0) return seconds
  problems.push(`${value.where}: \`api_timeout\` must be a number of seconds`)
  return undefined
}

const PER_SERVICE = /^\w+_(endpoint_override|endpoint|region_name|interface|endpoint_type)$/

export const serviceSettings = (cloud: Table): ReadonlyMap<string, Text> =>
  new Map(
    [...cloud.entries].flatMap(([key, value]) =>
      PER_SERVICE.test(key) && value.kind === 'text' && value.text !== ''
        ? [[key.replace(/_endpoint_type$/, '_interface'), value] as const]
        : [],
    ),
  )

/** Keys that take a single value. */
const SCALARS = [
  'auth_type',
  'region_name',
  'cacert',
  'cert',
  'key',
  'verify',
  'insecure',
  'api_timeout',
  'auth_url',
  'username',
  'password',
  'project_name',
  'project_id',
  'identity_api_version',
]
const KNOWN = [...SCALARS, 'auth', 'regions', 'interface', 'endpoint_type']
/** Keys of openstacksdk and of other programs that look like misspelt keys of ours. */
const FOREIGN = new Set([
  'networks',
  'message',
  'status',
  'cache',
  'caches',
  'timeout',
  'auth_methods',
  'domain_name',
  'domain_id',
])

export const wrongShapes = (cloud: Table): string[] => {
  const auth = cloud.entries.get('auth')
  return [
    ...(auth && auth.kind !== 'table' && !(auth.kind === 'text' && auth.text === '')
      ? [`${auth.where}: \`auth\` must be a mapping with auth_url, username and so on`]
      : []),
    ...SCALARS.flatMap((key) => {
      const value = cloud.entries.get(key)
      return value && value.kind !== 'text' ? [`${value.where}: \`${key}\` must be a single value`] : []
    }),
    ...[...(tableAt(cloud, 'auth')?.entries ?? [])].flatMap(([key, value]) =>
      value.kind === 'text' ? [] : [`${value.where}: \`auth.${key}\` must be a single value`],
    ),
  ]
}

export const typoWarnings = (cloud: Table): string[] =>
  [...cloud.entries].flatMap(([key, { where }]) => {
    if (KNOWN.includes(key) || FOREIGN.has(key) || PER_SERVICE.test(key)) return []
    const meant = key === 'region' ? 'region_name' : nearest(key, KNOWN)
    return meant === undefined ? [] : [`${where}: \`${key}\` is unknown here; did you mean \`${meant}\`?`]
  })
