import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { Connection, Endpoint } from '../../../runner/connection/connection.ts'
import { connectSsh, type SshOptions } from '../../../runner/connection/ssh/ssh.ts'
import { Failure } from '../../../runner/base/failure.ts'
import { makeKey, type Sshd, startSshd } from './sshd.ts'

export const env = { PATH: process.env['PATH'] }

/** A folder of the test file's own, removed at its end. */
export const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
export const emptyConfig = join(folder, 'empty_config')
writeFileSync(emptyConfig, '')

export let server: Sshd
const open = new Set<Connection>()
const uncaught: unknown[] = []
const note = (error: unknown) => void uncaught.push(error)

/** A server with a key of each type for the whole test file; every connection is closed after its test. */
export function useServer(): void {
  beforeAll(async () => {
    process.on('uncaughtException', note)
    server = await startSshd({ hostKeyTypes: ['ed25519', 'rsa', 'ecdsa'] })
  })
  afterAll(async () => {
    await server.stop()
    process.off('uncaughtException', note)
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(async () => {
    await Promise.all([...open].map((connection) => connection.close()))
    open.clear()
    // Nothing that happens to a connection may end the process.
    expect(uncaught).toEqual([])
  })
}

/** Connects without the settings and the agent of the user who runs the tests. */
export async function ssh(endpoint: Endpoint, options: Partial<SshOptions> = {}): Promise<Connection> {
  return closedLater(await connectSsh(endpoint, { env, sshConfig: emptyConfig, ...options }))
}

export function closedLater(connection: Connection): Connection {
  open.add(connection)
  return connection
}

export async function refusal(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(Failure)
  return error as Failure
}

export const works = async (connection: Connection): Promise<void> =>
  expect((await connection.as(undefined).run(['echo', 'hello'])).stdout).toBe('hello\n')

/** Writes a file into the folder; returns its path. */
export function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** The public line of an unknown key. */
export const strange = (): string =>
  readFileSync(`${makeKey(join(folder, `strange-${Math.random()}`))}.pub`, 'utf8')
    .split(' ')
    .slice(0, 2)
    .join(' ')
