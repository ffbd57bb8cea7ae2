/** One cloud's configuration from clouds.yaml, secure.yaml and OS_* variables. Called by index.ts. */
import { Failure } from '../../base/failure.ts'
import { nearest } from '../../base/suggest.ts'
import { type Auth, readAuth } from './auth.ts'
import { type CloudFiles, type FileWorld, readCloudFiles } from './clouds-file.ts'
import { environmentCloud, environmentName } from './environment.ts'
import { pickRegion } from './region.ts'
import { readInterfaces, readTimeout, readTls, serviceSettings, type TlsSettings, typoWarnings, wrongShapes } from './settings.ts'
import { type Table, table, tableAt, type Text, type Tree, textAt } from './tree.ts'

/** One cloud, ready to be opened. */
export interface CloudConfig {
  readonly name: string
  /** The place of the settings, for errors: `at clouds.yaml:3:3`, or `in the environment`. */
  readonly where: string
  readonly auth: Auth
  readonly region: string | undefined
  /** By preference: public, internal, admin. */
  readonly interfaces: readonly string[]
  readonly tls: TlsSettings
  /** Seconds that a request may take; undefined for the client's default. */
  readonly timeout: number | undefined
  /**
   * Settings of one service: `endpoint_override`, `region_name`, `interface`, by `<service type with
   * underscores>_<setting>`.
   */
  readonly services: ReadonlyMap<string, Text>
  readonly warnings: readonly string[]
}

interface Chosen {
  readonly name: string
  readonly cloud: Table
  readonly fromEnvironment: boolean
}

const input = (what: string, why: string, help: string): Failure => new Failure(what, { kind: 'input', why, help })

/**
 * Finds the settings of a cloud as openstacksdk does: by the given name, else OS_CLOUD, else the cloud that OS_*
 * variables describe, else the only cloud of clouds.yaml. A named cloud ignores OS_* variables, except OS_REGION_NAME
 * if the variables describe no cloud. Throws a `Failure` of kind `input` that names every problem with file, line and
 * column, and the help.
 */
export const loadConfig = async (name: string | undefined, world: FileWorld): Promise<CloudConfig> => {
  const { name: label, cloud: found, fromEnvironment } = await choose(name, world)
  const problems: string[] = []
  const cloud = withSubstitutions(pickRegion(found, fromEnvironment ? undefined : regionWish(world), problems))
  const warnings: string[] = []
  const { auth, problems: wrongAuth } = readAuth(cloud, fromEnvironment)
  const tls = readTls(cloud, world, problems, warnings)
  const interfaces = readInterfaces(cloud, problems)
  const timeout = readTimeout(cloud, problems)
  problems.push(...wrongShapes(found), ...wrongAuth)
  if (problems.length > 0 || auth === undefined)
    throw input(
      `the settings of cloud \`${label}\` cannot be used`,
      problems.join('\n'),
      fromEnvironment
        ? 'correct the OS_* variables named above, or unset them and use clouds.yaml'
        : 'correct the lines named above',
    )
  warnings.push(...regionWarnings(found, cloud), ...typoWarnings(found))
  return {
    name: label,
    where: fromEnvironment ? 'in the environment' : `at ${cloud.where}`,
    auth,
    region: textAt(cloud, 'region_name')?.text,
    interfaces,
    tls,
    timeout,
    services: serviceSettings(cloud),
    warnings,
  }
}

const choose = async (name: string | undefined, world: FileWorld): Promise<Chosen> => {
  const fromEnv = environmentCloud(world.env)
  const wanted = name || world.env['OS_CLOUD'] || undefined
  if (fromEnv && (wanted === undefined || wanted === environmentName(world.env) || wanted === 'environment'))
    return { name: 'environment', cloud: fromEnv, fromEnvironment: true }
  const files = await readCloudFiles(world)
  const known = [...files.clouds.entries.keys()]
  const only = wanted ?? (known.length === 1 ? known[0] : undefined)
  if (only === undefined) throw known.length === 0 ? noCloud(files) : severalClouds(known, files)
  const cloud = files.clouds.entries.get(only)
  if (cloud === undefined) throw unknownCloud(only, name === undefined || name === '', known, files)
  if (cloud.kind !== 'table')
    throw input(
      `the settings of cloud \`${only}\` cannot be used`,
      `${cloud.where}: \`${only}\` must be a mapping with \`auth\``,
      'correct the line named above',
    )
  const profile = cloud.entries.get('profile') ?? cloud.entries.get('cloud')
  if (profile !== undefined)
    throw input(
      `cloud \`${only}\` uses a vendor profile`,
      `${profile.where}: profiles are not supported`,
      'write what the profile stands for (auth_url, region_name, interface …) into the cloud itself',
    )
  return { name: only, cloud, fromEnvironment: false }
}

const searched = (files: CloudFiles): string => `searched: ${files.searched.join(', ')}`

const noCloud = (files: CloudFiles): Failure =>
  files.found.length > 0
    ? input('no cloud is configured', `${files.found.join(' and ')} names no cloud under \`clouds:\``, 'add a cloud to it')
    : input(
        'no cloud is configured',
        `clouds.yaml not found (${searched(files)}), and OS_AUTH_URL is not set`,
        'write ~/.config/openstack/clouds.yaml, or name another file with OS_CLIENT_CONFIG_FILE',
      )

const severalClouds = (known: readonly string[], files: CloudFiles): Failure =>
  input(
    'no cloud was chosen',
    `${files.found.join(' and ')} knows several: ${known.join(', ')}`,
    'choose one with OS_CLOUD or with the `cloud` parameter',
  )

const unknownCloud = (name: string, byVariable: boolean, known: readonly string[], files: CloudFiles): Failure => {
  const meant = nearest(name, known)
  const why =
    known.length > 0
      ? `${files.found.join(' and ')} knows ${known.join(', ')}`
      : `clouds.yaml with a cloud not found (${searched(files)})`
  const help = byVariable ? 'correct OS_CLOUD' : 'correct the name'
  return input(
    `unknown cloud \`${name}\``,
    why,
    meant === undefined
      ? `${help}, or add the cloud to clouds.yaml`
      : `did you mean \`${meant}\`? ${help}, or add the cloud to clouds.yaml`,
  )
}

/**
 * OS_REGION_NAME selects a region of a named cloud, as for the `openstack` command, unless OS_* variables describe a
 * cloud of their own.
 */
const regionWish = ({ env }: FileWorld): Text | undefined =>
  env['OS_REGION_NAME'] && environmentCloud(env) === undefined
    ? { kind: 'text', text: env['OS_REGION_NAME'], where: 'OS_REGION_NAME' }
    : undefined

/**
 * Fills in `{region_name}` and the like inside auth_url and endpoint overrides from other settings, as openstacksdk
 * does.
 */
const withSubstitutions = (cloud: Table): Table => {
  const fill = (value: Tree): Tree =>
    value.kind === 'text'
      ? { ...value, text: value.text.replace(/\{(\w+)\}/g, (all, key: string) => textAt(cloud, key)?.text ?? all) }
      : value
  const filled = (from: Table, isUrl: (key: string) => boolean) =>
    table(
      from.where,
      [...from.entries].map(([key, value]) => [key, isUrl(key) ? fill(value) : value] as const),
    )
  const auth = tableAt(cloud, 'auth')
  const outer = filled(cloud, (key) => key === 'auth_url' || key.endsWith('_endpoint_override'))
  return auth === undefined ? outer : table(cloud.where, [...outer.entries, ['auth', filled(auth, (key) => key === 'auth_url')]])
}

/** Warns if the first of several regions is used by default. openstacksdk uses it silently. */
const regionWarnings = (found: Table, picked: Table): string[] => {
  const regions = found.entries.get('regions')
  const chosen = textAt(picked, 'region_name')
  if (regions?.kind !== 'list' || regions.items.length < 2 || chosen === undefined || chosen.where === 'OS_REGION_NAME') return []
  return [`${regions.where}: several regions and none chosen: \`${chosen.text}\`, the first, is used; choose with OS_REGION_NAME`]
}
