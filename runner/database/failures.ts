import { Failure } from '../base/failure.ts'
import type { DatabaseUrl } from './url.ts'

/** An error of mysql2. Only errors from the server have `errno` and `sqlState`. */
export interface DatabaseError extends Error {
  readonly code?: string
  readonly errno?: number
  readonly sqlState?: string
}

/**
 * Returns true if the server rolled back the transaction (1213) or the statement (1205) because of another
 * transaction: retry. Galera's certification failure comes as 1213, at COMMIT
 * (https://galeracluster.com/library/kb/deadlock-found.html).
 */
export const isConflict = ({ errno }: DatabaseError): boolean => errno === 1213 || errno === 1205

/** Help by error code. */
const HELP: readonly (readonly [RegExp, string])[] = [
  [
    /^ER_(ACCESS_DENIED|DBACCESS_DENIED|ACCESS_DENIED_NO_PASSWORD)_ERROR$/,
    'compare user, password and rights with [database] connection of a nova.conf that works',
  ],
  [/^ER_HOST_NOT_PRIVILEGED$/, 'the account is for other addresses: connect from a host whose nova.conf works'],
  [
    /^AUTH_SWITCH_PLUGIN_ERROR$/,
    'the account uses an unsupported login method (ed25519, parsec): use an account with mysql_native_password',
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
    'check that this is the right database, of the expected release of Nova',
  ],
  [/^ER_(OPTION_PREVENTS_STATEMENT|READ_ONLY_MODE)$/, 'the server is read-only: use the one that takes writes'],
  [/^ER_CON_COUNT_ERROR$/, 'the server has too many connections: wait, or raise max_connections'],
]

/** Converts a database error into a `Failure`; returns a `Failure` unchanged. */
export function databaseFailure(error: unknown, url: DatabaseUrl, what = 'cannot use'): Failure {
  if (error instanceof Failure) return error
  const { code = '', message, errno, sqlState } = error as DatabaseError
  const help = HELP.find(([pattern]) => pattern.test(code))?.[1]
  const said = errno !== undefined && sqlState !== undefined && sqlState !== ''
  return new Failure(`${what} the database ${url.database} on ${url.host} port ${url.port} as ${url.user}`, {
    kind: said || help !== undefined ? 'failed' : 'unreachable',
    why: code === '' || message.includes(code) ? message : `${message} (${code})`,
    ...(help === undefined ? {} : { help }),
    cause: error,
  })
}

/** The failure of a COMMIT without an answer. */
export const unknownOutcome = (error: unknown, url: DatabaseUrl): Failure =>
  new Failure(`unknown whether the change of the database ${url.database} on ${url.host} was made`, {
    kind: 'unreachable',
    why: `the answer to COMMIT did not come: ${(error as Error).message}`,
    help: 'run again, or resume: the rows are checked before anything is changed',
    data: { outcome: 'unknown' },
    cause: error,
  })
