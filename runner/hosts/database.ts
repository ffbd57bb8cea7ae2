import type { Connection, HostAccess } from '../connection/connection.ts'
import { Failure } from '../base/failure.ts'
import { type Database, type DatabaseOptions, type DatabaseTls, openDatabase } from '../database/database.ts'
import { readDatabaseUrl } from '../database/url.ts'

/** Which database, as a module asks for it. */
export interface DatabaseChoice {
  /** As nova.conf has it: `mysql+pymysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl_ca=FILE`. Never shown. */
  readonly url: string
  /** Default: `verify`. */
  readonly tls?: DatabaseTls
  /** File with the certificates of its authorities, on the host. Default: `ssl_ca` of the address, or else those that Node trusts. */
  readonly ca?: string
}

/** A database as a host reaches it: by the network of the host, with the certificates that lie there. Throws `Failure` of kind `input`. */
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
    /** Keeps a text out of all that is shown. */
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
    throw new Failure(`${host} has no file ${path}`, {
      kind: 'input',
      why: 'the certificates for its database are looked for there',
    })
  }
  const [authorities, cert, key] = await Promise.all([ca ?? url.ca, url.cert, url.key].map(file))
  const dial = async (port: number, name: string) => (await connection()).forward(port, name)
  return openDatabase({ ...context, url, tls, ca: authorities, cert, key, dial })
}
