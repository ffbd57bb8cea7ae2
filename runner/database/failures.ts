import { Failure } from '../base/failure.ts'
import type { DatabaseUrl } from './url.ts'

/** As mysql2 throws it: `errno` and `sqlState` only for what the server said. */
export interface DatabaseError extends Error {
  readonly code?: string
  readonly errno?: number
  readonly sqlState?: string
}

/** The server has taken back the whole transaction, or this statement of it, for the sake of another: worth another try. Galera's certification
 * failure comes as the first, at COMMIT (https://galeracluster.com/library/kb/deadlock-found.html). */
export const isConflict = ({ errno }: DatabaseError): boolean => errno === 1213 || errno === 1205

/** Errors by their code, and what to do about them. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /^ER_(ACCESS_DENIED|DBACCESS_DENIED|ACCESS_DENIED_NO_PASSWORD)_ERROR$/,
    'compare user, password and rights with [database] connection of a nova.conf that works',
  ],
  [/^ER_HOST_NOT_PRIVILEGED$/, 'the account is for other addresses: connect from a host whose nova.conf works'],
  [
    /^AUTH_SWITCH_PLUGIN_ERROR$/,
    'the account logs in by a method that is not supported (ed25519, parsec): give the tool an account with mysql_native_password',
  ],
  [/^HANDSHAKE_NO_SSL_SUPPORT$/, 'set up TLS on the server; or set `tls: off`, which sends all but the password in clear text'],
  [/^ER_SECURE_TRANSPORT_REQUIRED$/, 'the server wants TLS: leave out `tls: off`'],
  [
    /^(HANDSHAKE_SSL_ERROR|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_)/,
    'give the certificate of its authority (ssl_ca in the address, or `ca`) and the host name that its certificate has; or set `tls: unverified`',
  ],
  [
    /^ER_(UNKNOWN_COM_ERROR|LOCK_DEADLOCK|LOCK_WAIT_TIMEOUT)$/,
    'see whether all nodes of the cluster are in sync, then run again',
  ],
  [
    /^ER_(BAD_DB|NO_SUCH_TABLE|BAD_FIELD)_ERROR$|^ER_NO_SUCH_TABLE$/,
    'is this the right database, of the expected release of Nova?',
  ],
  [/^ER_(OPTION_PREVENTS_STATEMENT|READ_ONLY_MODE)$/, 'the server is read-only: use the one that takes writes'],
  [/^ER_CON_COUNT_ERROR$/, 'it has too many connections: wait, or raise max_connections'],
]

/** A database error as a `Failure`; what is one already stays as it is. */
export function databaseFailure(error: unknown, url: DatabaseUrl, what = 'cannot use'): Failure {
  if (error instanceof Failure) return error
  const { code = '', message, errno, sqlState } = error as DatabaseError
  const todo = ADVICE.find(([pattern]) => pattern.test(code))?.[1]
  const said = errno !== undefined && sqlState !== undefined && sqlState !== ''
  return new Failure(`${what} the database ${url.database} on ${url.host} port ${url.port} as ${url.user}`, {
    kind: said || todo !== undefined ? 'failed' : 'unreachable',
    why: code === '' || message.includes(code) ? message : `${message} (${code})`,
    ...(todo === undefined ? {} : { todo }),
    cause: error,
  })
}

/** The answer to COMMIT did not come. */
export const unknownOutcome = (error: unknown, url: DatabaseUrl): Failure =>
  new Failure(`nobody can tell whether the change of the database ${url.database} on ${url.host} was made`, {
    kind: 'unreachable',
    why: `the answer to COMMIT did not come: ${(error as Error).message}`,
    todo: 'run again, or resume: the rows are looked at before anything is changed',
    data: { outcome: 'unknown' },
    cause: error,
  })
