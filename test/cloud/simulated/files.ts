/** What a user of the simulated cloud needs on disk: keys, known_hosts, clouds.yaml, an inventory. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applicationCredential, region } from './api/keystone.ts'
import { users } from './fixture.ts'
import type { KeyPair } from './hosts/keys.ts'

/** Names in clouds.yaml: the administrator, a user without the admin role, and the administrator by application credential. */
export const cloudNames = { admin: 'demo', member: 'demo-member', application: 'demo-application' } as const

export interface AccessFiles {
  readonly cloudsFile: string
  readonly inventoryFile: string
  readonly keyFile: string
  readonly knownHostsFile: string
}

interface HostLine {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly hostKey: KeyPair
}

export const accessFiles = (folder: string): AccessFiles => ({
  cloudsFile: join(folder, 'clouds.yaml'),
  inventoryFile: join(folder, 'inventory.yml'),
  keyFile: join(folder, 'id_ed25519'),
  knownHostsFile: join(folder, 'known_hosts'),
})

/** Makes a folder that only its owner can enter, with all of them. */
export function writeAccessFiles(folder: string, key: KeyPair, keystoneUrl: string, hosts: readonly HostLine[]): AccessFiles {
  const files = accessFiles(folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  writeFileSync(files.keyFile, key.private, { mode: 0o600 })
  writeFileSync(`${files.keyFile}.pub`, `${key.public}\n`)
  writeFileSync(files.cloudsFile, cloudsYaml(keystoneUrl), { mode: 0o600 })
  writeFileSync(files.knownHostsFile, knownHosts(hosts))
  writeFileSync(
    files.inventoryFile,
    inventoryYaml(hosts, { key: 'id_ed25519', knownHosts: 'known_hosts', clouds: 'clouds.yaml' }),
  )
  return files
}

export const knownHosts = (hosts: readonly HostLine[]): string =>
  hosts
    .map(
      ({ address, port, hostKey }) =>
        `${port === 22 ? address : `[${address}]:${port}`} ${hostKey.public.split(' ').slice(0, 2).join(' ')}\n`,
    )
    .join('')

const cloudsYaml = (keystoneUrl: string): string => {
  const password = (name: string, user: (typeof users)[number], project: string) =>
    [
      `  ${name}:`,
      '    auth:',
      `      auth_url: ${keystoneUrl}`,
      `      username: ${user.name}`,
      `      password: ${user.password}`,
      `      project_name: ${project}`,
      '      user_domain_id: default',
      '      project_domain_id: default',
      `    region_name: ${region}`,
      '    interface: public',
    ].join('\n')
  const credential = applicationCredential('admin')
  return [
    'clouds:',
    password(cloudNames.admin, users[0], 'admin'),
    password(cloudNames.member, users[1], 'demo'),
    `  ${cloudNames.application}:`,
    '    auth_type: v3applicationcredential',
    '    auth:',
    `      auth_url: ${keystoneUrl}`,
    `      application_credential_id: ${credential.id}`,
    `      application_credential_secret: ${credential.secret}`,
    `    region_name: ${region}`,
    '    interface: public',
    '',
  ].join('\n')
}

/** @param paths as seen from the inventory's own folder */
export const inventoryYaml = (
  hosts: readonly Omit<HostLine, 'hostKey'>[],
  paths: { readonly key: string; readonly knownHosts: string; readonly clouds: string },
): string => {
  const line = ({ name, address, port }: Omit<HostLine, 'hostKey'>) =>
    `        ${name}: { ansible_host: ${address}, ansible_port: ${port} }`
  return [
    'all:',
    '  vars:',
    '    ansible_user: root',
    `    ansible_ssh_private_key_file: ${paths.key}`,
    `    ansible_ssh_common_args: -o UserKnownHostsFile=${paths.knownHosts}`,
    `    runbook_clouds_file: ${paths.clouds}`,
    `    runbook_cloud: ${cloudNames.admin}`,
    '  children:',
    '    controllers:',
    '      hosts:',
    ...hosts.filter(({ name }) => name === 'controller').map(line),
    '    computes:',
    '      hosts:',
    ...hosts.filter(({ name }) => name !== 'controller').map(line),
    '',
  ].join('\n')
}
