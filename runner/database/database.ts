/** Guarded reads and updates of rows, over a stream of the host. Called by hosts/database.ts. */
import type { Duplex } from 'node:stream'
import type { Connection, ConnectionOptions, ResultSetHeader } from 'mysql2'
import { Failure } from '../base/failure.ts'
import { databaseFailure, type DatabaseError, isConflict, unknownOutcome } from './failures.ts'
import type { DatabaseUrl } from './url.ts'

/**
 * A MySQL or MariaDB database, for modules. Each call has a connection of its own. Every method throws `Failure`.
 * See docs/design/jobs-and-streams.md.
 */
export interface Database {
  /** Reads rows, without locking them. */
  select(table: string, query: Query): Promise<readonly Row[]>
  /**
   * Runs `work` as one transaction. Rolls back if `work` throws, or if an update does not match the expected number
   * of rows. If the transaction conflicts with another, runs `work` again from the beginning, up to four times:
   * `work` must touch nothing but `tx`. If the connection is lost during COMMIT, the failure has `data.outcome`
   * unknown.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

export interface Transaction {
  /** Reads rows and locks them until the transaction ends (SELECT … FOR UPDATE). */
  select(table: string, query: Query): Promise<readonly Row[]>
  /**
   * Changes rows. Throws `Failure` of kind `refused` unless exactly `expect` rows match `where`, whether or not their
   * values differ.
   */
  update(table: string, change: Query & { readonly set: Values; readonly expect: number }): Promise<void>
}

export interface Query {
  /** Columns with the values that all must have; null for NULL. Text is compared by the column's collation. */
  readonly where: Values
  /** Default: all. */
  readonly columns?: readonly string[]
}

export type Values = Readonly<Record<string, Value>>
/** A whole number beyond 2^53 as a bigint. */
export type Value = string | number | bigint | boolean | null | Uint8Array
/**
 * One row. Dates, decimal numbers and whole numbers beyond 2^53 are text, exactly as on the server; bytes are a
 * `Uint8Array`.
 */
export type Row = Readonly<Record<string, string | number | null | Uint8Array>>

/**
 * Trust in the server: `verify` its certificate and name, encrypt without verifying (`unverified`), or send in clear
 * text (`off`).
 */
export type DatabaseTls = 'verify' | 'unverified' | 'off'

export interface DatabaseOptions {
  readonly url: DatabaseUrl
  readonly tls: DatabaseTls
  /** PEM. Default for `ca`: the authorities that Node trusts. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly signal: AbortSignal
  /** Opens a stream to a port. */
  dial(port: number, host: string): Promise<Duplex>
  sleep(seconds: number): Promise<void>
}

/** Most tries of a transaction, and seconds before the second. */
const TRIES = 5
const PAUSE = 0.1

/**
 * The SQL mode of OpenStack's connections (oslo.db: TRADITIONAL), in which an ill-fitting value is an error; and
 * seconds to wait for a lock.
 */
const SESSION = "SET SESSION sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = 10"

export function openDatabase(options: DatabaseOptions): Database {
  const { url, signal, dial } = options

  const connected = async <T>(use: (ask: Ask) => Promise<T>): Promise<T> => {
    signal.throwIfAborted()
    // Loaded on first use, and before the stream opens: until mysql2 has the stream, nobody hears its errors.
    const { createConnection } = await import('mysql2')
    const stream = await dial(url.port, url.host)
    let abort = () => {}
    const aborted = new Promise<never>((_resolve, reject) => {
      abort = () => {
        reject(signal.reason)
        stream.destroy()
      }
    })
    aborted.catch(() => undefined)
    signal.addEventListener('abort', abort, { once: true })
    try {
      // A listener does not hear an abort during `dial`.
      signal.throwIfAborted()
      const answers = (await login(createConnection, stream, options)).promise()
      return await use(async (sql, values) => {
        signal.throwIfAborted()
        const answer = values === undefined ? answers.query(sql) : answers.execute(sql, values)
        const [result] = await Promise.race([answer, aborted])
        return result
      })
    } finally {
      signal.removeEventListener('abort', abort)
      // mysql2's own `destroy` only ends the writing side: what waits in it would still be sent.
      stream.destroy()
    }
  }

  const once = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> =>
    connected(async (ask) => {
      await ask('START TRANSACTION')
      // If any query fails before COMMIT, even one whose promise `work` ignored, the connection ends and the server
      // rolls back.
      const asked: Promise<unknown>[] = []
      const noted = <P extends Promise<unknown>>(promise: P): P => {
        promise.catch(() => undefined)
        asked.push(promise)
        return promise
      }
      const { select, update } = transactionBy(ask, url)
      const result = await work({
        select: (...query) => noted(select(...query)),
        update: (...change) => noted(update(...change)),
      })
      await Promise.all(asked)
      signal.throwIfAborted()
      try {
        await ask('COMMIT')
      } catch (error) {
        throw isConflict(error as DatabaseError) ? error : unknownOutcome(error, url)
      }
      return result
    })

  return {
    async select(table, query) {
      return connected((ask) => selectFrom(ask, table, query, '')).catch((error: unknown) => {
        throw asFailure(error, url, signal)
      })
    },
    async transaction(work) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(work)
        } catch (error) {
          if (!isConflict(error as DatabaseError) || attempt === TRIES) throw asFailure(error, url, signal)
          await options.sleep(PAUSE * 2 ** attempt * (0.5 + Math.random()))
        }
      }
    },
  }
}

const asFailure = (error: unknown, url: DatabaseUrl, signal: AbortSignal): unknown =>
  signal.aborted && error === signal.reason ? error : databaseFailure(error, url)

/** Logs in over a stream. */
async function login(
  createConnection: (config: ConnectionOptions) => Connection,
  stream: Duplex,
  { url, tls, ca, cert, key, signal }: DatabaseOptions,
): Promise<Connection> {
  // The name to compare the certificate with. For an address Node reads it from here, and would use `localhost`
  // otherwise.
  Object.assign(stream, { _host: url.host })
  const config: ConnectionOptions = {
    host: url.host,
    port: url.port,
    user: url.user,
    ...(url.password === undefined ? {} : { password: url.password }),
    database: url.database,
    stream,
    // UPDATE returns the number of matched rows, not of changed ones. The server may not request files of the
    // controller.
    flags: ['FOUND_ROWS', '-LOCAL_FILES'],
    charset: 'utf8mb4',
    connectTimeout: 20_000,
    supportBigNumbers: true,
    dateStrings: true,
    ...(tls === 'off'
      ? {}
      : {
          ssl: {
            rejectUnauthorized: tls === 'verify',
            verifyIdentity: tls === 'verify',
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(key === undefined ? {} : { key }),
          },
        }),
  }
  try {
    const connection = createConnection(config)
    await ready(connection)
    await connection.promise().query(SESSION)
    return connection
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw databaseFailure(error, url, 'cannot log in to')
  }
}

/**
 * Waits for the login. Never stops listening: mysql2 may report one end twice, and a refused certificate only after
 * "connection lost".
 */
function ready(connection: Connection): Promise<void> {
  const errors: DatabaseError[] = []
  return new Promise((resolve, reject) => {
    connection.on('error', (error: DatabaseError) => {
      errors.push(error)
      setImmediate(() => reject(errors.find(({ code }) => code !== 'PROTOCOL_CONNECTION_LOST') ?? error))
    })
    connection.once('connect', () => resolve())
  })
}

/** Sends one statement. Values travel only as parameters. */
type Ask = (sql: string, values?: Parameter[]) => Promise<unknown>

function transactionBy(ask: Ask, url: DatabaseUrl): Transaction {
  return {
    select: (table, query) => selectFrom(ask, table, query, ' FOR UPDATE'),
    async update(table, { where, set, expect }) {
      const { escapeId } = await import('mysql2')
      const assignments = Object.keys(set).map((column) => `${escapeId(column, true)} = ?`)
      if (assignments.length === 0) throw new Failure(`update of ${table} without values to set`, { kind: 'input' })
      const [text, values] = condition(where, table, escapeId)
      const sql = `UPDATE ${escapeId(table, true)} SET ${assignments.join(', ')} WHERE ${text}`
      const { affectedRows } = (await ask(sql, [...Object.values(set).map(parameter), ...values])) as ResultSetHeader
      if (affectedRows === expect) return
      throw new Failure(`${affectedRows} rows of ${url.database}.${table} match, ${expect} expected`, {
        kind: 'refused',
        why: `no row was changed; looked for ${Object.keys(where).join(', ')}`,
        help: 'the rows were changed meanwhile: look at them, then run again',
        data: { table, found: affectedRows, expected: expect },
      })
    },
  }
}

async function selectFrom(ask: Ask, table: string, { where, columns }: Query, lock: string): Promise<readonly Row[]> {
  const { escapeId } = await import('mysql2')
  const wanted = columns === undefined ? '*' : columns.map((column) => escapeId(column, true)).join(', ')
  const [text, values] = condition(where, table, escapeId)
  return (await ask(`SELECT ${wanted} FROM ${escapeId(table, true)} WHERE ${text}${lock}`, values)) as Row[]
}

/** The WHERE clause. Throws `Failure` for an empty one, which would match all rows by mistake. */
function condition(where: Values, table: string, escapeId: (name: string, whole: boolean) => string): [string, Parameter[]] {
  const columns = Object.entries(where)
  if (columns.length === 0) throw new Failure(`query of ${table} without conditions`, { kind: 'input' })
  const text = columns.map(([column, value]) => `${escapeId(column, true)} ${value === null ? 'IS NULL' : '= ?'}`).join(' AND ')
  return [text, columns.flatMap(([, value]) => (value === null ? [] : [parameter(value)]))]
}

type Parameter = string | number | bigint | null | Uint8Array
const parameter = (value: Value): Parameter => (typeof value === 'boolean' ? Number(value) : value)
