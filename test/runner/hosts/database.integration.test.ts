import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectLocal } from '../../../runner/connection/local.ts'
import { defineModule, type Target } from '../../../runner/module.ts'
import { play } from '../../scenes/play.ts'
import { type MariaDb, startMariaDb } from '../database/mariadb.ts'

let db: MariaDb
beforeAll(async () => {
  db = await startMariaDb()
  db.sql(`CREATE DATABASE nova; CREATE TABLE nova.instances (uuid VARCHAR(36), host VARCHAR(255)); INSERT INTO nova.instances VALUES ('u', 'a');
    CREATE USER nova@'%' IDENTIFIED BY 'p@ss-word'; GRANT ALL ON nova.* TO nova@'%'`)
})
afterAll(() => db.stop())

/** Moves a row, as the cold migration will, and says too much. */
const moveRow = defineModule({
  name: 'move_row',
  summary: 'Move a row.',
  params: {
    type: 'object',
    additionalProperties: false,
    required: ['url', 'to'],
    properties: { url: { type: 'string', description: 'Database.' }, to: { type: 'string', description: 'Host.' } },
  },
  examples: [],
  async check({ url, to }, target) {
    const [row] = await (await databaseOf(target, url)).select('instances', { where: { uuid: 'u' } })
    const before = String(row?.['host'])
    const resource = { host: target.host, kind: 'row', name: 'instances u' } as const
    return {
      before,
      changes: before === to ? [] : [{ resource, property: 'host', before, after: to }],
      message: `by ${url} and p@ss-word`,
    }
  },
  async apply({ url, to }, { before }, target) {
    const database = await databaseOf(target, url)
    await database.transaction((tx) =>
      tx.update('instances', { where: { uuid: 'u', host: before }, set: { host: to }, expect: 1 }),
    )
  },
})
const databaseOf = (target: Target, url: string) => target.database({ url })

test('a step changes a row through its host, once, and nothing that it says has the password', async () => {
  const url = `mysql+pymysql://nova:p%40ss-word@localhost:${db.port}/nova?ssl_ca=${db.ca}`
  const playbook = `
name: p
plays:
  - hosts: a
    tasks:
      - { name: Move, move_row: { url: "${url}", to: b } }
`
  const given = {
    modules: [moveRow],
    connection: async () => connectLocal({ name: 'a', kind: 'local', address: 'localhost' }, { env: process.env }),
  }
  const played = await play(playbook, given)
  expect(played.outcomes).toEqual(['a Move: changed'])
  expect(db.sql('SELECT host FROM nova.instances')).toBe('b\n')
  expect(JSON.stringify(played.events.filter(({ type }) => type.startsWith('step-')))).not.toMatch(/p@ss-word|p%40ss-word/)
  expect((await play(playbook, given)).outcomes).toEqual(['a Move: ok'])
})
