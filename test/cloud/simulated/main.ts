/** `npm run cloud`: the simulated cloud in the foreground, always at the same addresses, for `inventory/demo.yml`. Ctrl-C ends it. */
import { join } from 'node:path'
import { Failure } from '../../../runner/base/failure.ts'
import { startCloud } from './cloud.ts'
import { checkout } from './hosts/assets.ts'

/** What inventory/demo.yml names. */
const folder = join(checkout, '.runbook/demo')

const say = (text: string) => process.stdout.write(`${text}\n`)

const commands = `
In another terminal, in this folder:

  npx runbook plan  playbooks/live-migrate.yml -i inventory/demo.yml -p source=compute14 -p target=compute15
  npx runbook apply playbooks/live-migrate.yml -i inventory/demo.yml -p source=compute14 -p target=compute15

To look inside:

  ssh -F none -i .runbook/demo/id_ed25519 -o UserKnownHostsFile=.runbook/demo/known_hosts -p 2222 root@127.77.0.14 virsh list --all
  OS_CLIENT_CONFIG_FILE=.runbook/demo/clouds.yaml OS_CLOUD=demo openstack server list --all-projects --long

Ctrl-C ends it and removes .runbook/demo.`

try {
  const cloud = await startCloud({ fixed: { folder }, startHosts: true, speed: 5, nova: { statsInterval: 1 } })
  const servers = [...cloud.state.servers.values()].map(({ name, host, vmState }) => `${name} (${vmState}, ${host})`)
  say(`The simulated cloud runs: ${Object.keys(cloud.hosts).join(', ')} at 127.77.0.*`)
  say(`Servers: ${servers.join(', ')}`)
  say(commands)
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      cloud.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      )
    })
} catch (error) {
  fail(error)
}

function fail(error: unknown): never {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  if (error instanceof Failure) process.stderr.write(`  why: ${error.why}\n  do: ${error.help}\n`)
  process.exit(1)
}
