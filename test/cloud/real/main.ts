/** `npm run cloud:real`: the command line of the real cloud. */
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { down, realCloud, unavailable, up } from './cloud.ts'
import { cloudName } from './handout.ts'
import { enter, exec, leaderOf, usageOf } from './hosts.ts'
import { addresses, hosts, isHost, layoutOf, machineAddress, variantName, type Host, type Layout } from './layout.ts'
import { alone } from './lock.ts'
import { progressOn } from './progress.ts'
import { smoke } from './smoke.ts'
import { snapshot, snapshotList, whatRuns } from './state.ts'

const usage = `A real OpenStack (Zed) of a controller and two compute hosts, each a systemd machine of its own on this one.

  npm run cloud:real up [-- --shared] [--neutron] [--fakes N] [--from SNAPSHOT] [--no-install]
  npm run cloud:real down                   take it away; the cache stays
  npm run cloud:real status                 hosts, failed units, use of CPU and memory
  npm run cloud:real ssh HOST [COMMAND…]    log in as root, with the host key verified
  npm run cloud:real exec HOST COMMAND…     run a command as root without ssh
  npm run cloud:real snapshot NAME          stop it and keep its state, for up --from NAME
  npm run cloud:real fakes N                N compute hosts with Nova's fake driver; 0 takes them away
  npm run cloud:real cut HOST HOST          cut the network between two hosts, silently
  npm run cloud:real unplug HOST            pull a host's network cable
  npm run cloud:real mend                   undo every cut and unplug
  npm run cloud:real smoke                  boot a server, migrate it live there and back, then cold

Options before a command of npm need --; see docs/testing.md. The cache is in RUNBOOK_CACHE, $XDG_CACHE_HOME/runbook or /var/cache/runbook.
`

const say = (text: string) => void process.stdout.write(`${text}\n`)
const layout = layoutOf(process.env)
const progress = progressOn(process.stderr)

/** The command lines to go on with. */
const nextSteps = ({ cloudsFile, inventoryFile, key, knownHosts }: Layout): string => `
The cloud is up: ${hosts.map((host) => `${host} ${addresses[host]}`).join(', ')}; this machine is ${machineAddress}.

  export OS_CLIENT_CONFIG_FILE=${cloudsFile} OS_CLOUD=${cloudName('admin')}
  npx runbook apply playbooks/live-migrate.yml -i ${inventoryFile} -p source=compute14 -p target=compute15

  ssh -i ${key} -o UserKnownHostsFile=${knownHosts} root@${addresses.compute14}
  npm run cloud:real exec controller openstack --os-cloud ${cloudName('admin')} server list
A user without the admin role: OS_CLOUD=${cloudName('demo')}. Images tick and dirty, flavors tiny and big, no networks without --neutron.
`

const hostOf = (name: string | undefined): Host => {
  if (name === undefined || !isHost(name))
    throw new Error(`${name ?? 'nothing'} is no host of the cloud; there are ${hosts.join(', ')}`)
  return name
}

const countOf = (text: string | undefined): number => {
  if (text === undefined || !/^\d{1,2}$/.test(text)) throw new Error(`how many? a number up to 99, not ${text ?? 'nothing'}`)
  return Number(text)
}

/** Runs a program with this terminal and gives its exit status. */
const attached = ([file = '', ...args]: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) =>
    spawn(file, args, { stdio: 'inherit' })
      .on('error', reject)
      .on('close', (code) => resolve(code ?? 1)),
  )

const status = async (): Promise<number> => {
  const running = await whatRuns(layout)
  say(running ? `up as ${variantName(running.variant)}${running.from ? `, from snapshot ${running.from}` : ''}` : 'not up')
  for (const host of hosts) {
    if ((await leaderOf(layout, host)) === undefined) {
      say(`${host.padEnd(11)} ${addresses[host].padEnd(12)} down`)
      continue
    }
    const state = (await exec(layout, host, ['systemctl', 'is-system-running'])).stdout.trim()
    const failed = (await exec(layout, host, ['systemctl', '--failed', '--plain', '--no-legend'])).stdout
      .split('\n')
      .map((line) => line.split(' ')[0])
      .filter(Boolean)
    const { cpu, memory } = await usageOf(layout, host)
    say(
      `${host.padEnd(11)} ${addresses[host].padEnd(12)} ${state}, ${cpu} s CPU, ${memory} MiB${failed.length ? `, failed: ${failed.join(' ')}` : ''}`,
    )
  }
  say(await snapshotList(layout))
  return running ? 0 : 1
}

type Command = (words: readonly string[], flags: Flags) => Promise<number>

interface Flags {
  readonly shared?: boolean | undefined
  readonly neutron?: boolean | undefined
  readonly 'no-install'?: boolean | undefined
  readonly fakes?: string | undefined
  readonly from?: string | undefined
}

const commands: Readonly<Record<string, Command>> = {
  up: async (_, { shared = false, neutron = false, from, fakes, 'no-install': never = false }) => {
    const count = fakes === undefined ? undefined : countOf(fakes)
    const cloud = await up(
      { variant: { shared, neutron }, install: !never, progress, ...(from === undefined ? {} : { from }) },
      layout,
    )
    if (count !== undefined) await progress.step(`${count} pretended compute hosts`, () => cloud.fakes(count))
    say(nextSteps(layout))
    return 0
  },
  down: async () => {
    await down(progress, layout)
    return 0
  },
  status,
  snapshot: async ([name]) => {
    if (name === undefined || !/^[\w-]+$/.test(name)) throw new Error('a snapshot needs a name of letters, digits, _ and -')
    await alone(
      layout,
      () => {},
      async () => {
        const running = await whatRuns(layout)
        if (!running) throw new Error('the cloud is not up')
        await progress.step(`keeping snapshot ${name}`, () => snapshot(layout, running, name))
      },
    )
    say(`The cloud is down. Go on from there: npm run cloud:real up -- --from ${name}`)
    return 0
  },
  ssh: ([name, ...words]) => {
    const options = [
      '-i',
      layout.key,
      '-o',
      `UserKnownHostsFile=${layout.knownHosts}`,
      '-o',
      'StrictHostKeyChecking=yes',
      '-o',
      'IdentitiesOnly=yes',
    ]
    return attached(['ssh', ...options, `root@${addresses[hostOf(name)]}`, ...words])
  },
  exec: async ([name, ...words]) => {
    const host = hostOf(name)
    const leader = await leaderOf(layout, host)
    if (leader === undefined) throw new Error(`${host} is not running`)
    return attached(enter(leader, words.length ? words : ['bash']))
  },
  fakes: async ([count]) => {
    const wanted = countOf(count)
    const cloud = await realCloud(layout)
    await progress.step(`${wanted} pretended compute hosts`, () => cloud.fakes(wanted))
    return 0
  },
  cut: async ([a, b]) => {
    await (await realCloud(layout)).cut(hostOf(a), hostOf(b))
    return 0
  },
  unplug: async ([host]) => {
    await (await realCloud(layout)).unplugHost(hostOf(host))
    return 0
  },
  mend: async () => {
    await (await realCloud(layout)).mend()
    return 0
  },
  smoke: async () => {
    await smoke(await realCloud(layout), progress)
    return 0
  },
}

/** Everything behind the first word of `ssh` and `exec` belongs to the command that they run. */
const parse = (argv: readonly string[]): { readonly words: readonly string[]; readonly flags: Flags } => {
  if (argv[0] === 'ssh' || argv[0] === 'exec') return { words: argv, flags: {} }
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { shared: flag, neutron: flag, 'no-install': flag, fakes: text, from: text } as const
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options })
  return { words: positionals, flags: values }
}

const main = async (argv: readonly string[]): Promise<number> => {
  const { words, flags } = parse(argv)
  const [name = '', ...rest] = words
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) {
    process.stderr.write(`${name && name !== 'help' ? `There is no command ${name}.\n\n` : ''}${usage}`)
    return 2
  }
  const reason = await unavailable()
  if (reason) {
    process.stderr.write(`The real cloud cannot run here: ${reason}.\nThe simulated cloud runs anywhere: npm run demo\n`)
    return 2
  }
  return command(rest, flags)
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
})
