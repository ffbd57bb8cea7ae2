/**
 * `npm run demo`: the simulated cloud on free addresses, and in it the real command line: plan, apply, and apply again, which finds
 * nothing to do. Its exit code is honest: 0 only when every command did what it should and the servers are where they should be.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Failure } from '../../../runner/base/failure.ts'
import { startCloud } from './cloud.ts'
import type { SimulatedCloud } from './cloud.ts'
import { consoleLines } from './guest.ts'
import { checkout } from './hosts/assets.ts'

const source = 'compute14'
const target = 'compute15'

const colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined
const say = (text: string) => process.stdout.write(`${text}\n`)
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`
const heading = (text: string) => say(colour ? `\n\x1b[1m${text}\x1b[0m` : `\n${text}`)

/** Its reader is gone (`| head`): end quietly. */
process.stdout.on('error', () => process.exit(0))

let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (interrupted = true))

try {
  process.exitCode = await demonstrate()
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  if (error instanceof Failure) process.stderr.write(`  why: ${error.why}\n  do: ${error.help}\n`)
  process.exitCode = 1
}

async function demonstrate(): Promise<number> {
  const began = performance.now()
  const cloud = await startCloud({ startHosts: true, speed: 5, nova: { statsInterval: 1 } })
  try {
    say(`A simulated cloud runs in this process (${seconds(began)} to start): controller, ${source}, ${target}.`)
    showServers(cloud)
    const moving = [...cloud.state.servers.values()].filter((server) => server.host === source && server.vmState === 'active')
    for (const goal of ['plan', 'apply', 'apply']) {
      const code = await runbook(cloud, goal)
      if (interrupted) return 130
      if (code !== 0) return code
    }
    heading('Afterwards')
    showServers(cloud)
    const left = moving.filter((server) => server.host !== target || server.vmState !== 'active' || server.guest.boots !== 1)
    if (left.length > 0) {
      say(`not moved, or rebooted: ${left.map((server) => server.name).join(', ')}`)
      return 1
    }
    say(`\n${moving.length} servers moved from ${source} to ${target}; their guests count on, none was rebooted.`)
    return 0
  } finally {
    await cloud.stop()
  }
}

/** Runs the real command line as a user would, on this terminal. */
function runbook(cloud: SimulatedCloud, goal: string): Promise<number> {
  const args = [goal, 'playbooks/live-migrate.yml', '-i', cloud.inventoryFile, '-p', `source=${source}`, '-p', `target=${target}`]
  heading(`$ runbook ${args.join(' ')}`)
  const program = join(checkout, 'dist/runner/bin.js')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: checkout,
      stdio: 'inherit',
      env: { ...process.env, ...cloud.env },
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 1))
  })
}

function showServers(cloud: SimulatedCloud): void {
  for (const { name, host, vmState, guest } of cloud.state.servers.values()) {
    const line = vmState === 'active' ? (consoleLines(guest, cloud.clock.now()).at(-1) ?? '') : ''
    say(`  ${name.padEnd(8)} ${host.padEnd(10)} ${vmState.padEnd(8)} ${line}`.trimEnd())
  }
}
