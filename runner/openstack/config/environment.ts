import { table, type Table } from './tree.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Variables that select a cloud or a file, and variables of other programs. openstacksdk ignores the same ones. */
const SELECTORS = new Set(['OS_CLOUD', 'OS_CLOUD_NAME', 'OS_CLIENT_CONFIG_FILE', 'OS_CLIENT_SECURE_FILE'])
const FOREIGN = /^OS_(TEST|STD|LOG)/
/** Variables of which any one describes a cloud. OS_IDENTITY_API_VERSION alone does not. */
const DESCRIBING = /^OS_(AUTH_URL|USERNAME|USER_ID|PASSWORD|TOKEN|AUTH_TOKEN|APPLICATION_CREDENTIAL_\w+)$/

/** The cloud that OS_* variables describe, read as openstacksdk does; undefined if they describe no cloud. */
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

/** openstacksdk's name for the cloud that the environment describes. */
export const environmentName = (env: Environment): string => env['OS_CLOUD_NAME'] || 'envvars'
