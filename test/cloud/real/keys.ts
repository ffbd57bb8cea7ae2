import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addresses, hosts, type Layout } from './layout.ts'
import { run } from './program.ts'

const kinds = ['ed25519', 'rsa'] as const

/** Makes the keys that are missing: the operator's, those of root and nova among the hosts, and the hosts' own. */
export const makeKeys = async (layout: Layout): Promise<void> => {
  await mkdir(layout.keys, { recursive: true, mode: 0o700 })
  const make = async (name: string, kind: (typeof kinds)[number]) => {
    const path = join(layout.keys, name)
    if (!existsSync(path)) await run(['ssh-keygen', '-q', '-t', kind, '-N', '', '-C', `${name}@real-cloud`, '-f', path])
  }
  await Promise.all([
    ...['operator', 'root', 'nova'].map((name) => make(name, 'ed25519')),
    ...hosts.flatMap((host) => kinds.map((kind) => make(`${host}-${kind}`, kind))),
  ])
}

/** The hosts' keys in the form of a known_hosts file, under their names and addresses. */
export const knownHosts = async (layout: Layout): Promise<string> => {
  const lines = hosts.flatMap((host) =>
    kinds.map(async (kind) => {
      const [type, key] = (await readFile(join(layout.keys, `${host}-${kind}.pub`), 'utf8')).split(' ')
      return `${host},${addresses[host]} ${type} ${key}`
    }),
  )
  return (await Promise.all(lines)).join('\n')
}
