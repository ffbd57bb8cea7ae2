import type { Connection, HostAccess } from '../connection/connection.ts'
import { Failure } from '../base/failure.ts'
import { type Database, type DatabaseOptions, type DatabaseTls, openDatabase } from '../database/database.ts'
import { readDatabaseUrl } from '../database/url.ts'

/** A module's choice of a database. */
export interface DatabaseChoice {
  /** URL as in nova.conf: `mysql+pymysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl_ca=FILE`. Never shown. */
  readonly url: string
  /** Default: `verify`. */
  readonly tls?: DatabaseTls
  /** File on the host with the authorities' certificates. Default: `ssl_ca` of the URL, else Node's own list. */
  readonly ca?: string
}

/**
 * Opens a database through a host: by the host's network, with certificates read from the host. Throws `Failure` of
 * kind `input`.
 */
export async function hostDatabase(
  { url: text, tls = 'verify', ca }: DatabaseChoice,
  {
    host,
    access,
    connection,
    hide,
    ...context
  }: Pick<DatabaseOptions, 'signal' | 'sleep'> & {
    /** The host's name, for messages. */
    readonly host: string
    access(): Promise<HostAccess>
    connection(): Promise<Connection>
    /** Hides a text in all output. */
    hide(secret: string): void
  },
): Promise<Database> {
  hide(text)
  const url = readDatabaseUrl(text)
  if (url.password !== undefined) hide(url.password)
  const file = async (path: string | undefined): Promise<string | undefined> => {
    if (path === undefined || tls === 'off') return undefined
    const content = await (await access()).read(path)
    if (content !== undefined) return Buffer.from(content).toString()
    throw new Failure(`file ${path} not found on ${host}`, {
      kind: 'input',
      why: 'the TLS certificates of the database are read from the host',
    })
  }
  const [authorities, cert, key] = await Promise.all([ca ?? url.ca, url.cert, url.key].map(file))
  const dial = async (port: number, name: string) => (await connection()).forward(port, name)
  return openDatabase({ ...context, url, tls, ca: authorities, cert, key, dial })
}
