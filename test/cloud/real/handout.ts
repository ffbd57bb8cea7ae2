import { mkdir, writeFile } from 'node:fs/promises'
import { users } from './client.ts'
import { knownHosts } from './keys.ts'
import { addresses, computes, controller, password, type Layout } from './layout.ts'
import { endpoints, region } from './settings.ts'

/** The name in clouds.yaml of a user of this cloud. */
export const cloudName = (user: (typeof users)[number]): string => (user === 'admin' ? 'real-cloud' : `real-cloud-${user}`)

const cloudsYaml = (): string =>
  `clouds:\n${users
    .map(
      (user) => `  ${cloudName(user)}:
    auth:
      auth_url: ${endpoints.identity}
      username: ${user}
      password: ${password}
      project_name: ${user}
      user_domain_id: default
      project_domain_id: default
    region_name: ${region}
`,
    )
    .join('')}`

/** An inventory of the hosts; the same text as `inventory/real-cloud.yml` when the cache folder is the machine's. */
export const inventoryYaml = ({
  key,
  knownHosts: known,
}: Layout): string => `# The hosts of the real test cloud, as \`npm run cloud:real up\` starts them (docs/testing.md).
all:
  vars:
    ansible_user: root
    ansible_ssh_private_key_file: ${key}
    ansible_ssh_common_args: -o UserKnownHostsFile=${known}
  children:
    controllers:
      hosts:
        ${controller}:
          ansible_host: ${addresses.controller}
    computes:
      hosts:
${computes.map((host) => `        ${host}:\n          ansible_host: ${addresses[host]}\n`).join('')}`

/** Writes what a user of the cloud needs: clouds.yaml, an inventory, the hosts' keys. */
export const handOut = async (layout: Layout): Promise<void> => {
  await mkdir(layout.root, { recursive: true })
  await writeFile(layout.cloudsFile, cloudsYaml(), { mode: 0o600 })
  await writeFile(layout.inventoryFile, inventoryYaml(layout))
  await writeFile(layout.knownHosts, `${await knownHosts(layout)}\n`)
}
