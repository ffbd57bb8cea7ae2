/** A real MariaDB with TLS for one test. Called by the tests of databases. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../connection/sshd.ts'

export interface MariaDb {
  readonly port: number
  readonly folder: string
  /** The authority's certificate. The server's certificate is for `localhost` and 127.0.0.1. */
  readonly ca: string
  /** Runs SQL as root; returns what it prints, columns separated by tabs. */
  sql(text: string): string
  stop(): Promise<void>
}

/** @param options of the server, `--skip-ssl` among them; the last of two counts */
export async function startMariaDb(options: readonly string[] = []): Promise<MariaDb> {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-mariadb-'))
  const at = (name: string) => join(folder, name)
  makeCertificates(folder, 'DNS:localhost,IP:127.0.0.1')
  const common = ['--no-defaults', `--datadir=${at('data')}`, ...(process.getuid?.() === 0 ? ['--user=root'] : [])]
  execFileSync('mariadb-install-db', [...common, '--auth-root-authentication-method=normal', '--skip-test-db'], { stdio: 'pipe' })
  const port = await freePort()
  const child = spawn(
    'mariadbd',
    [
      ...common,
      `--socket=${at('socket')}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1,127.0.0.2',
      `--pid-file=${at('pid')}`,
      `--log-error=${at('log')}`,
      `--ssl-ca=${at('ca.pem')}`,
      `--ssl-cert=${at('server.pem')}`,
      `--ssl-key=${at('server.key')}`,
      '--innodb-buffer-pool-size=16M',
      ...options,
    ],
    { stdio: 'ignore' },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const log = () => (existsSync(at('log')) ? readFileSync(at('log'), 'utf8') : '')
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`mariadbd did not start: ${log()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    port,
    folder,
    ca: at('ca.pem'),
    sql: (text) =>
      execFileSync('mariadb', ['--no-defaults', `--socket=${at('socket')}`, '--user=root', '--batch', '--skip-column-names'], {
        input: text,
        encoding: 'utf8',
      }),
    async stop() {
      process.off('exit', kill)
      kill()
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Makes an authority (ca.pem) and a certificate for some names (server.pem, server.key) in a folder. */
export function makeCertificates(folder: string, names: string): void {
  const openssl = (...argv: string[]) => execFileSync('openssl', argv, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl('req', '-x509', ...key, '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem')
  openssl('req', ...key.slice(0, 4), '-nodes', '-subj', '/CN=somebody', '-keyout', 'server.key', '-out', 'server.csr')
  writeFileSync(join(folder, 'names'), `subjectAltName=${names}\n`)
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'server.pem',
  )
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket
      .once('data', () => resolve(true))
      .once('error', () => resolve(false))
      .once('close', () => resolve(false))
    socket.once('data', () => socket.destroy())
  })
