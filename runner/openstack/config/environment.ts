import { table, type Table } from './tree.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Variables that choose a cloud of the file, or are other programs' business (openstacksdk ignores the same ones). */
const SELECTORS = new Set(['OS_CLOUD', 'OS_CLOUD_NAME', 'OS_CLIENT_CONFIG_FILE', 'OS_CLIENT_SECURE_FILE'])
const FOREIGN = /^OS_(TEST|STD|LOG)/
/** Any of these says that the environment describes a cloud; a mere OS_IDENTITY_API_VERSION does not. */
const DESCRIBING = /^OS_(AUTH_URL|USERNAME|USER_ID|PASSWORD|TOKEN|AUTH_TOKEN|APPLICATION_CREDENTIAL_\w+)$/

/** The cloud that OS_* variables describe, as openstacksdk reads them; undefined where they describe none. */
export const environmentCloud = (env: Environment): Table | undefined => {
  const given = Object.entries(env).filter(
    ([name, value]) =>
      name.startsWith('OS_') && !SELECTORS.has(name) && !FOREIGN.test(name) && value !== undefined && value !== '',
  )
  if (!given.some(([name]) => DESCRIBING.test(name))) return undefined
  return table(
    'the environment',
    given.map(([name, value]) => [name.slice('OS_'.length).toLowerCase(), { kind: 'text', text: value ?? '', where: name }]),
  )
}

/** What openstacksdk calls the cloud that the environment describes. */
export const environmentName = (env: Environment): string => env['OS_CLOUD_NAME'] || 'envvars'
