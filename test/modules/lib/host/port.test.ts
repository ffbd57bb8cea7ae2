/** Port probes with each program that a host may have. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probePort, readProbe } from '../../../../modules/lib/host/port.ts'
import type { HostAccess, Output } from '../../../../runner/module.ts'

/** Runs commands for real on this machine, with only the named programs on the PATH. */
function machine(path: string): Pick<HostAccess, 'run'> {
  return {
    run: (argv) =>
      new Promise<Output>((resolve, reject) => {
        execFile('/bin/sh', argv.slice(1), { env: { PATH: path } }, (error, stdout, stderr) => {
          if (error !== null && typeof error.code !== 'number') return reject(error)
          resolve({
            code: typeof error?.code === 'number' ? error.code : 0,
            stdout,
            stderr,
            bytes: new TextEncoder().encode(stdout),
          })
        })
      }),
  }
}

const TOOLS = ['bash', 'nc', 'python3', 'perl'].flatMap((name) => {
  const found = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find((path) => existing(path))
  return found === undefined ? [] : [[name, found] as const]
})

function existing(path: string): boolean {
  try {
    return process.getBuiltinModule('node:fs').statSync(path).isFile()
  } catch {
    return false
  }
}

let server: Server
let open: number
let closed: number
const folders: string[] = []

/** A folder with links to the named programs and nothing else. */
function only(...programs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'port-'))
  folders.push(folder)
  for (const program of programs) symlinkSync(program, join(folder, program.split('/').at(-1)!))
  return folder
}

beforeAll(async () => {
  server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  const other = createServer().listen(0, '127.0.0.1')
  await Promise.all([server, other].map((one) => new Promise((resolve) => one.once('listening', resolve))))
  open = (server.address() as AddressInfo).port
  closed = (other.address() as AddressInfo).port
  await new Promise((resolve) => other.close(resolve))
})

afterAll(() => {
  server.close()
  for (const folder of folders) rmSync(folder, { recursive: true })
})

describe('a port is tried with whatever the host has', () => {
  test.each(TOOLS)('%s', async (name, path) => {
    const host = machine(only('/usr/bin/timeout', path))
    expect(await probePort(host, '127.0.0.1', open, 5)).toEqual({ state: 'open', how: name })
    expect(await probePort(host, '127.0.0.1', closed, 5)).toEqual({ state: 'closed', how: name, why: 'connection refused' })
  })

  test('nothing there', async () => {
    expect(await probePort(machine(only('/usr/bin/timeout')), '127.0.0.1', open, 5)).toEqual({
      state: 'unknown',
      why: 'bash, nc, python3 and perl are all missing on the host',
    })
  })

  test('an address is never taken for a command', async () => {
    const answer = await probePort(machine('/usr/bin:/bin'), '127.0.0.1; echo open bash', open, 5)
    expect(answer.state).toBe('closed')
  })
})

test.each([
  ['a silent host', 'closed bash 124\n', { state: 'closed', how: 'bash', why: 'no answer within 3 s' }],
  [
    'a filtered port',
    'closed nc 1\nnc: connect to 10.0.0.1 port 1 (tcp) failed: No route to host',
    { state: 'closed', how: 'nc', why: 'no route to the host' },
  ],
  [
    'an unknown name, in python',
    'closed python3 1\nTraceback\nsocket.gaierror: [Errno -2] Name or service not known',
    { state: 'closed', how: 'python3', why: 'the name cannot be resolved' },
  ],
  ['another reason', 'closed perl 1\nfirst\nsomething else\n', { state: 'closed', how: 'perl', why: 'something else' }],
  ['rubbish', 'motd of the day\n', undefined],
  ['no output', '', undefined],
])('the answer of %s', (_, stdout, probe) => {
  expect(readProbe(stdout, 3)).toEqual(probe)
})
