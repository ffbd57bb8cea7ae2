import { Failure } from '../base/failure.ts'

/** Address of a database and its login, from `[database] connection` of nova.conf. */
export interface DatabaseUrl {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  /** Files on the host that has the nova.conf. */
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** SQLAlchemy's own pattern (engine/url.py, 2.0): a password may hold any character but `@`, which is written `%40`. */
const URL_PATTERN =
  /^([\w+]+):\/\/(?:([^:/]*)(?::([^@]*))?@)?(?:(?:\[([^/?]+)\]|([^/:?]+))?(?::([^/?]*))?)?(?:\/([^?]*))?(?:\?(.*))?$/

/**
 * Reads `mysql+pymysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl_ca=FILE`. Throws `Failure` of kind `input` that never
 * shows the address.
 */
export function readDatabaseUrl(url: string): DatabaseUrl {
  const wrong = (why: string) =>
    new Failure('the address of the database cannot be used', {
      kind: 'input',
      why,
      help: 'give it as in nova.conf: mysql+pymysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl_ca=FILE',
    })
  const [, scheme, user, password, ipv6, name, port, database, query] = URL_PATTERN.exec(url.trim()) ?? []
  if (scheme === undefined) throw wrong('it is not a database URL')
  if (!/^(mysql|mariadb)(\+|$)/.test(scheme)) throw wrong(`\`${scheme}\` is not supported: only MySQL and MariaDB are`)
  const options = new URLSearchParams(query)
  if (options.has('unix_socket')) throw wrong('it names a unix_socket: the database must be reached by a host and a port')
  if (!user || !database) throw wrong(`its ${user ? 'database' : 'user'} is missing`)
  if (port !== undefined && port !== '' && !/^\d{1,5}$/.test(port)) throw wrong(`\`${port}\` is not a port`)
  const option = (key: string) => options.get(key) ?? undefined
  try {
    return {
      host: ipv6 ?? name ?? 'localhost',
      port: port ? Number(port) : 3306,
      user: decodeURIComponent(user),
      password: password === undefined ? undefined : decodeURIComponent(password),
      database: decodeURIComponent(database),
      ca: option('ssl_ca'),
      cert: option('ssl_cert'),
      key: option('ssl_key'),
    }
  } catch {
    throw wrong('it has a `%` that is not followed by two hexadecimal digits: write `%25` for `%`')
  }
}
