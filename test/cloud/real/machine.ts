/** Requirements of the machine for a real cloud, and their installation. */
import { existsSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { Progress } from './progress.ts'
import { finish, run } from './program.ts'

/** What this machine is: enough to say whether the cloud can run on it. */
export interface Machine {
  readonly uid: number
  readonly platform: string
  readonly arch: string
  /** ID and VERSION_ID of /etc/os-release. */
  readonly id: string
  readonly version: string
}

/** Fields of an os-release file, quotes taken off. */
export const osRelease = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/^(\w+)=(?:"([^"]*)"|'([^']*)'|(.*))$/gm)].map(([, key, a, b, c]) => [key, a ?? b ?? c ?? '']),
  )

export const thisMachine = async (): Promise<Machine> => {
  const release = osRelease(existsSync('/etc/os-release') ? await readFile('/etc/os-release', 'utf8') : '')
  return {
    uid: process.getuid?.() ?? -1,
    platform: process.platform,
    arch: process.arch,
    id: release.ID ?? '',
    version: release.VERSION_ID ?? '',
  }
}

/** Why the cloud cannot run here, in words for the operator; undefined where it can. */
export const whyNot = ({ uid, platform, arch, id, version }: Machine): string | undefined => {
  if (platform !== 'linux' || id !== 'debian' || version !== '12')
    return `it needs Debian 12; this is ${[id || platform, version].filter(Boolean).join(' ')}`
  if (arch !== 'x64') return `its guests need an x86-64 machine; this is ${arch}`
  if (uid !== 0) return 'it needs root, for namespaces, mounts and interfaces'
  return undefined
}

/** Debian packages that the machine itself must have, and what each is for. */
export const needed: Readonly<Record<string, string>> = {
  mmdebstrap: 'builds the hosts’ file systems',
  'systemd-container': 'runs a host (systemd-nspawn)',
  iproute2: 'their network',
  'openssh-client': 'keys and logins',
  binutils: 'assembles the guest',
}

const isInstalled = async (name: string): Promise<boolean> => {
  const { code, stdout } = await finish(['dpkg-query', '--show', '--showformat=${db:Status-Abbrev}', name])
  return code === 0 && stdout.startsWith('ii')
}

const policy = '/usr/sbin/policy-rc.d'

/** While `work` runs, packages that are installed start no service here; whatever policy was there before is there again after. */
const withoutServices = async (work: () => Promise<void>): Promise<void> => {
  const aside = `${policy}.before-real-cloud`
  if (existsSync(policy)) await rename(policy, aside)
  try {
    await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    await work()
  } finally {
    await rm(policy, { force: true })
    if (existsSync(aside)) await rename(aside, policy)
  }
}

/**
 * Installs what is missing, after naming it. Throws when something is missing and `install` is false.
 */
export const installNeeded = async (install: boolean, progress: Progress): Promise<void> => {
  const have = await Promise.all(Object.keys(needed).map(async (name) => ({ name, there: await isInstalled(name) })))
  const missing = have.filter(({ there }) => !there).map(({ name }) => name)
  if (missing.length === 0) return
  const list = missing.map((name) => `  ${name} – ${needed[name]}`).join('\n')
  if (!install) throw new Error(`these Debian packages are missing, and --no-install forbids to install them:\n${list}`)
  progress.say(`Installing Debian packages on this machine (no service is started):\n${list}`)
  await progress.step('installing packages', () =>
    withoutServices(async () => {
      const env = { DEBIAN_FRONTEND: 'noninteractive' }
      await run(['apt-get', 'update', '--quiet'], { env })
      await run(['apt-get', 'install', '--quiet', '--yes', '--no-install-recommends', ...missing], { env })
    }),
  )
}

const listed = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

/** The machine's own sources of Debian packages as sources.list lines, and the options by which it reaches them. */
export const aptSources = async (): Promise<{ readonly list: string; readonly options: string }> => {
  const ask = [
    'apt-get',
    'indextargets',
    'Created-By: Packages',
    'Origin: Debian',
    '--format',
    '$(REPO_URI) $(RELEASE) $(COMPONENT)',
  ]
  const known = listed(await run(ask))
  if (known.length === 0) await run(['apt-get', 'update', '--quiet'])
  const sources = known.length ? known : listed(await run(ask))
  const lines = [...new Set(sources.filter((line) => line.split(' ')[1]?.startsWith('bookworm')))].map((line) => `deb ${line}`)
  if (lines.length === 0)
    throw new Error('apt on this machine knows no source of Debian 12 (bookworm); see /etc/apt/sources.list.d')
  const options = listed(await run(['apt-config', 'dump'])).filter((line) =>
    /^Acquire::(https?::Proxy|Check-|Retries)/i.test(line),
  )
  return { list: `${lines.join('\n')}\n`, options: options.join('\n') }
}
