/** Databases against a real MariaDB: transactions, conflicts, lost connections, TLS. */
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { createConnection, type ResultSetHeader } from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Failure } from '../../../runner/base/failure.ts'
import type { Database, Transaction } from '../../../runner/database/database.ts'
import { type DatabaseChoice, hostDatabase } from '../../../runner/hosts/database.ts'
import type { Connection } from '../../../runner/connection/connection.ts'
import { connectLocal } from '../../../runner/connection/local.ts'
import { freePort } from '../connection/sshd.ts'
import { server as sshd, ssh, useServer } from '../connection/ssh-setup.ts'
import { makeCertificates, type MariaDb, startMariaDb } from './mariadb.ts'

useServer()

let db: MariaDb
let here: Connection
beforeAll(async () => {
  here = connectLocal({ name: 'controller', kind: 'local', address: 'localhost' }, { env: process.env })
  db = await startMariaDb()
  db.sql(`CREATE DATABASE nova CHARACTER SET utf8mb3; CREATE USER nova@'%' IDENTIFIED BY 'p@ss'; GRANT ALL ON nova.* TO nova@'%'`)
})
afterAll(async () => {
  await here.close()
  await db.stop()
})

const UUID = '7a1c0f2e-6c4e-4c5d-9a53-000000000001'
beforeEach(() => {
  db.sql(
    `USE nova; DROP TABLE IF EXISTS instances;
    CREATE TABLE instances (id INT AUTO_INCREMENT PRIMARY KEY, uuid VARCHAR(36) UNIQUE, host VARCHAR(255), node VARCHAR(255), task_state VARCHAR(255),
      deleted BIGINT NOT NULL DEFAULT 0, updated_at DATETIME(6), memory DECIMAL(30,10), data BLOB, \`od\`\`d . name\` INT) ENGINE=InnoDB;
    INSERT INTO instances (uuid, host, node, deleted, updated_at, memory, data) VALUES
      ('${UUID}', 'a', 'a.x', 9007199254740993, '2026-02-30' - INTERVAL 0 DAY, 12345678901234567890.0123456789, x'00ff'),
      ('other', 'a', 'a.x', 9007199254740992, '2026-11-24 03:23:04.123456', NULL, NULL)`.replace(
      "'2026-02-30' - INTERVAL 0 DAY",
      "'2026-01-02 03:04:05.678901'",
    ),
  )
})

const url = (change: { port?: number; host?: string; user?: string; password?: string; query?: string } = {}) => {
  const {
    port = db.port,
    host = 'localhost',
    user = 'nova',
    password = 'p%40ss',
    query = `?charset=utf8&ssl_ca=${db.ca}`,
  } = change
  return `mysql+pymysql://${user}:${password}@${host}:${port}/nova${query}`
}
const hidden = new Set<string>()
const naps: number[] = []
const open = (
  choice: Partial<DatabaseChoice> = {},
  connection: Connection = here,
  signal = new AbortController().signal,
): Promise<Database> =>
  hostDatabase(
    { url: url(), ...choice },
    {
      host: 'controller',
      access: async () => connection.as(undefined),
      connection: async () => connection,
      hide: (secret) => void hidden.add(secret),
      signal,
      sleep: async (seconds) => void naps.push(seconds),
    },
  )
const refused = async (work: Promise<unknown>): Promise<Failure> => {
  const error = await work.then(
    () => 'it was not refused',
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(Failure)
  expect(`${String(error)} ${JSON.stringify(error)}`).not.toMatch(/p@ss|p%40ss/)
  return error as Failure
}
const hosts = () => db.sql('SELECT host FROM nova.instances ORDER BY id').trim().split('\n')
const move = (tx: Transaction, to: string, expect = 1) =>
  tx.update('instances', { where: { uuid: UUID, host: 'a', task_state: null }, set: { host: to, node: `${to}.x` }, expect })

describe('values', () => {
  test('whole numbers beyond 2^53, decimals and dates are exact text; bytes are bytes', async () => {
    const [row, ...rest] = await (await open()).select('instances', { where: { uuid: UUID } })
    expect(rest).toEqual([])
    expect(row).toMatchObject({
      id: 1,
      deleted: '9007199254740993',
      updated_at: '2026-01-02 03:04:05.678901',
      memory: '12345678901234567890.0123456789',
      task_state: null,
    })
    expect(Buffer.from(row!['data'] as Uint8Array).toString('hex')).toBe('00ff')
  })

  test('numbers beyond 2^53 are compared and written exactly', async () => {
    const database = await open()
    for (const deleted of [9007199254740993n, '9007199254740993'])
      expect(await database.select('instances', { where: { deleted }, columns: ['uuid'] })).toEqual([{ uuid: UUID }])
    await database.transaction((tx) =>
      tx.update('instances', {
        where: { uuid: UUID },
        set: { deleted: 9223372036854775807n, data: Buffer.from([1, 0, 2]), host: "x'; DROP TABLE instances; -- ü" },
        expect: 1,
      }),
    )
    expect(db.sql(`SELECT deleted, HEX(data), host FROM nova.instances WHERE uuid = '${UUID}'`)).toBe(
      `9223372036854775807\t010002\tx'; DROP TABLE instances; -- ü\n`,
    )
  })

  test('names are quoted, also those that would be something else without', async () => {
    const database = await open()
    await database.transaction((tx) => tx.update('instances', { where: { uuid: UUID }, set: { 'od`d . name': 3 }, expect: 1 }))
    expect(await database.select('instances', { where: { 'od`d . name': 3 }, columns: ['od`d . name'] })).toEqual([
      { 'od`d . name': 3 },
    ])
    await refused(database.select('instances; DROP TABLE instances', { where: { id: 1 } }))
    await refused(database.select('instances', { where: { '1 = 1 OR id': 1 } }))
    expect(hosts()).toEqual(['a', 'a'])
  })

  test('a value that does not fit is an error, not cut', async () => {
    const database = await open()
    const failure = await refused(
      database.transaction((tx) => tx.update('instances', { where: { uuid: UUID }, set: { uuid: 'x'.repeat(40) }, expect: 1 })),
    )
    expect(failure.why).toMatch(/Data too long/)
  })

  test('rows must be named', async () => {
    const database = await open()
    await refused(database.select('instances', { where: {} }))
    await refused(database.transaction((tx) => tx.update('instances', { where: {}, set: { host: 'x' }, expect: 2 })))
    expect(hosts()).toEqual(['a', 'a'])
  })
})

describe('a transaction', () => {
  test('all of its updates are made, and what it reads it returns', async () => {
    const row = await (
      await open()
    ).transaction(async (tx) => {
      await move(tx, 'b')
      await tx.update('instances', { where: { uuid: 'other' }, set: { host: 'c' }, expect: 1 })
      return tx.select('instances', { where: { uuid: UUID }, columns: ['host', 'node'] })
    })
    expect(row).toEqual([{ host: 'b', node: 'b.x' }])
    expect(hosts()).toEqual(['b', 'c'])
  })

  test.each([
    ['too few rows', (tx: Transaction) => tx.update('instances', { where: { uuid: 'nobody' }, set: { host: 'c' }, expect: 1 })],
    ['too many rows', (tx: Transaction) => tx.update('instances', { where: { host: 'b' }, set: { host: 'c' }, expect: 0 })],
  ])('%s: nothing of it is made', async (_what, second) => {
    const database = await open()
    const failure = await refused(
      database.transaction(async (tx) => {
        await move(tx, 'b')
        await second(tx)
      }),
    )
    expect(failure).toMatchObject({ kind: 'refused', data: { table: 'instances' } })
    expect(hosts()).toEqual(['a', 'a'])
  })

  test('work that throws, passes a failed update over, or does not wait for it: nothing of it is made', async () => {
    const database = await open()
    const missing = (tx: Transaction) => tx.update('instances', { where: { uuid: 'nobody' }, set: { host: 'c' }, expect: 1 })
    await expect(
      database.transaction(async (tx) => {
        await move(tx, 'b')
        throw new Failure('changed its mind')
      }),
    ).rejects.toThrow('changed its mind')
    await refused(
      database.transaction(async (tx) => {
        await move(tx, 'b')
        await missing(tx).catch(() => undefined)
      }),
    )
    await refused(
      database.transaction(async (tx) => {
        await move(tx, 'b')
        void missing(tx)
      }),
    )
    expect(hosts()).toEqual(['a', 'a'])
  })

  test('rows that have the new values already count as found, which is not so without the flag', async () => {
    const same = { where: { uuid: UUID }, set: { host: 'a' }, expect: 1 }
    await (await open()).transaction((tx) => tx.update('instances', same))
    for (const [flags, rows] of [
      [['FOUND_ROWS'], 1],
      [['-FOUND_ROWS'], 0],
    ] as const) {
      const raw = await createConnection({
        host: '127.0.0.1',
        port: db.port,
        user: 'nova',
        password: 'p@ss',
        database: 'nova',
        flags: [...flags],
      })
      const [{ affectedRows }] = await raw.execute<ResultSetHeader>('UPDATE instances SET host = ? WHERE uuid = ?', ['a', UUID])
      expect(affectedRows).toBe(rows)
      await raw.end()
    }
  })

  test('what it has read stays so until it ends', async () => {
    const database = await open()
    const order: string[] = []
    let second: Promise<void> | undefined
    await database.transaction(async (tx) => {
      expect(await tx.select('instances', { where: { uuid: UUID, host: 'a' } })).toHaveLength(1)
      second = database.transaction((other) => move(other, 'c', 0)).then(() => void order.push('second'))
      const waiting = () => db.sql(`SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`).trim()
      while (waiting() !== '1') await new Promise((resolve) => setTimeout(resolve, 20))
      await move(tx, 'b')
      order.push('first')
    })
    await second
    expect(order).toEqual(['first', 'second'])
    expect(hosts()).toEqual(['b', 'a'])
  })

  test('a deadlock is tried again whole, and both are made', async () => {
    const database = await open()
    let runs = 0
    const met: (() => void)[] = []
    const both = new Promise<void>((resolve) => met.push(resolve))
    let arrived = 0
    const crossing = (first: string, second: string) =>
      database.transaction(async (tx) => {
        runs++
        await tx.update('instances', { where: { uuid: first }, set: { node: `by ${first}` }, expect: 1 })
        if (++arrived === 2) met[0]!()
        await both
        await tx.update('instances', { where: { uuid: second }, set: { host: `by ${first}` }, expect: 1 })
      })
    naps.length = 0
    await Promise.all([crossing(UUID, 'other'), crossing('other', UUID)])
    expect(runs).toBe(3)
    expect(naps).toHaveLength(1)
    expect(hosts().toSorted()).toEqual([`by ${UUID}`, 'by other'])
  })

  test('a lock that is not let go is told after a few attempts', async () => {
    db.sql(
      `USE nova; CREATE TRIGGER busy BEFORE UPDATE ON instances FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'Lock wait timeout exceeded'`,
    )
    let runs = 0
    const failure = await refused(
      (await open()).transaction((tx) => {
        runs++
        return move(tx, 'b')
      }),
    )
    expect([runs, failure.why]).toEqual([5, expect.stringContaining('Lock wait timeout')])
    expect(hosts()).toEqual(['a', 'a'])
  })
})

/** Uses a relay between the tool and the server, with a fault at COMMIT. */
describe('at COMMIT', () => {
  let proxy: Server
  let port: number
  let atCommit: (pass: () => void, cut: () => void, answer: (bytes: Buffer) => void) => void
  beforeAll(async () => {
    proxy = createServer((client) => {
      const upstream = connect(db.port, '127.0.0.1')
      const cut = () => [client, upstream].forEach((socket) => socket.destroy())
      for (const socket of [client, upstream]) socket.on('error', cut).on('close', cut)
      upstream.on('data', (chunk) => client.write(chunk))
      client.on('data', (chunk) => {
        const pass = () => upstream.write(chunk)
        if (chunk.includes('COMMIT')) atCommit(pass, cut, (bytes) => client.write(bytes))
        else pass()
      })
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    port = (proxy.address() as AddressInfo).port
  })
  afterAll(() => void proxy.close())
  const through = () => open({ url: url({ port }), tls: 'off' })

  test.each([
    ['before', ['a', 'a']],
    ['after', ['b', 'a']],
  ] as const)('the connection is lost %s it was made: the outcome is unknown', async (when, left) => {
    atCommit = (pass, cut) => {
      if (when === 'after') pass()
      const wait = () => (when === 'after' && hosts()[0] === 'a' ? setTimeout(wait, 10) : cut())
      wait()
    }
    let runs = 0
    const failure = await refused(
      (await through()).transaction((tx) => {
        runs++
        return move(tx, 'b')
      }),
    )
    expect(failure).toMatchObject({
      data: { outcome: 'unknown' },
      message: 'unknown whether the change of the database nova on localhost was made',
    })
    expect([runs, hosts()]).toEqual([1, left])
  })

  test('another node was quicker (Galera): tried again whole', async () => {
    let commits = 0
    // An ERR packet: length, sequence, 0xff, 1213, `#40001`, words.
    const words = Buffer.from('#40001Deadlock found when trying to get lock; try restarting transaction')
    const packet = Buffer.concat([Buffer.from([words.length + 3, 0, 0, 1, 0xff, 1213 & 0xff, 1213 >> 8]), words])
    atCommit = (pass, _cut, answer) => (++commits === 1 ? answer(packet) : pass())
    let runs = 0
    await (
      await through()
    ).transaction((tx) => {
      runs++
      return move(tx, 'b')
    })
    expect([runs, commits, hosts()]).toEqual([2, 2, ['b', 'a']])
  })

  test('the run is stopped while the answer is awaited: unknown too', async () => {
    const stop = new AbortController()
    atCommit = () => stop.abort(new Error('Ctrl-C'))
    const database = await open({ url: url({ port }), tls: 'off' }, here, stop.signal)
    expect(await refused(database.transaction((tx) => move(tx, 'b')))).toMatchObject({ data: { outcome: 'unknown' } })
    // The server has noticed: the next test would wait for its lock.
    while (db.sql('SELECT COUNT(*) FROM information_schema.innodb_trx').trim() !== '0')
      await new Promise((resolve) => setTimeout(resolve, 20))
    expect(hosts()).toEqual(['a', 'a'])
  })
})

/** Every byte to the server passes the test. */
describe('a run that is stopped', () => {
  const stop = async (work: (database: Database, stop: () => void) => Promise<unknown>, whileDialing = false) => {
    const stopped = new AbortController()
    const reason = new Error('Ctrl-C')
    const streams: Duplex[] = []
    const sent: Buffer[] = []
    const listened: Connection = {
      ...here,
      async forward(...where) {
        const stream = await here.forward(...where)
        const write = stream.write.bind(stream)
        stream.write = ((bytes: Buffer, ...rest: []) => (sent.push(bytes), write(bytes, ...rest))) as Duplex['write']
        streams.push(stream)
        if (whileDialing) stopped.abort(reason)
        return stream
      },
    }
    const database = await open({ url: url(), tls: 'off' }, listened, stopped.signal)
    await expect(work(database, () => stopped.abort(reason))).rejects.toBe(reason)
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true])
    expect(hosts()).toEqual(['a', 'a'])
    return Buffer.concat(sent).toString('latin1')
  }

  test.each([
    ['select', (database: Database) => database.select('instances', { where: { id: 1 } })],
    ['transaction', (database: Database) => database.transaction((tx) => move(tx, 'b'))],
  ])('while a %s connects sends nothing', async (_what, work) => {
    expect(await stop(work, true)).toBe('')
  })

  test('between two statements sends neither the next nor COMMIT; the outcome is known', async () => {
    const between = (next?: (tx: Transaction) => Promise<unknown>) =>
      stop((database, abort) =>
        database.transaction(async (tx) => {
          await move(tx, 'b')
          abort()
          await next?.(tx)
        }),
      )
    const sent = await between((tx) => tx.select('instances', { where: { uuid: 'other' } }))
    expect(sent).toMatch(/UPDATE/)
    expect(sent).not.toMatch(/SELECT|COMMIT/)
    expect(await between()).not.toMatch(/COMMIT/)
  })
})

describe('who may log in, and whom we trust', () => {
  const ask = async (choice: Partial<DatabaseChoice>, connection?: Connection) =>
    (await open(choice, connection)).select('instances', { where: { id: 1 }, columns: ['id'] })
  const plain = (change: Parameters<typeof url>[0] = {}) => url({ query: '', ...change })

  test('by TLS to a name or an address that the certificate has, and to no other, also through another host', async () => {
    const far = await ssh(sshd.endpoint())
    for (const connection of [here, far]) {
      for (const host of ['localhost', '127.0.0.1']) expect(await ask({ url: url({ host }) }, connection)).toEqual([{ id: 1 }])
      const refusal = await refused(ask({ url: url({ host: '127.0.0.2' }) }, connection))
      expect(refusal).toMatchObject({
        why: expect.stringMatching(/127\.0\.0\.2/),
        help: expect.stringContaining('tls: unverified'),
      })
      expect(await ask({ url: url({ host: '127.0.0.2' }), tls: 'unverified' }, connection)).toEqual([{ id: 1 }])
    }
  })

  test('a certificate of an authority that is not known is refused, unless that is allowed', async () => {
    const strangers = mkdtempSync(join(db.folder, 'strangers-'))
    makeCertificates(strangers, 'DNS:localhost')
    expect(await refused(ask({ ca: join(strangers, 'ca.pem') }))).toMatchObject({
      help: expect.stringContaining('tls: unverified'),
    })
    expect(await refused(ask({ url: plain() }))).toMatchObject({ help: expect.stringContaining('ssl_ca') })
    expect(await refused(ask({ url: plain(), ca: '/no/such/file' }))).toMatchObject({ kind: 'input' })
    for (const tls of ['unverified', 'off'] as const) expect(await ask({ url: plain(), tls })).toEqual([{ id: 1 }])
  })

  test('an account that must use TLS, and a server that has none', async () => {
    db.sql(`CREATE USER strict@'%' IDENTIFIED BY 'p@ss' REQUIRE SSL; GRANT ALL ON nova.* TO strict@'%'`)
    expect(await ask({ url: url({ user: 'strict' }) })).toEqual([{ id: 1 }])
    expect(await refused(ask({ url: url({ user: 'strict' }), tls: 'off' }))).toMatchObject({ kind: 'failed' })
    const bare = await startMariaDb(['--skip-ssl'])
    try {
      expect(await refused(ask({ url: url({ port: bare.port, user: 'root', password: '' }) }))).toMatchObject({
        help: expect.stringContaining('tls: off'),
      })
    } finally {
      await bare.stop()
    }
  })

  test('a wrong password, an unknown database, and nobody who listens', async () => {
    hidden.clear()
    expect(await refused(ask({ url: url({ password: 'wr%25ng' }) }))).toMatchObject({
      kind: 'failed',
      message: `cannot log in to the database nova on localhost port ${db.port} as nova`,
      help: expect.stringContaining('[database] connection'),
    })
    expect([...hidden]).toEqual([url({ password: 'wr%25ng' }), 'wr%ng'])
    expect(await refused(ask({ url: url().replace('/nova?', '/nothing?') }))).toMatchObject({ kind: 'failed' })
    expect(await refused(ask({ url: url({ port: await freePort() }) }))).toMatchObject({ kind: 'unreachable' })
    expect(await refused((await open()).select('no_such_table', { where: { id: 1 } }))).toMatchObject({
      help: expect.stringContaining('release of Nova'),
    })
  })
})
