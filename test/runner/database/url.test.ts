import { expect, test } from 'vitest'
import { Failure } from '../../../runner/base/failure.ts'
import { readDatabaseUrl } from '../../../runner/database/url.ts'

test.each([
  [
    'mysql+pymysql://nova:p%40ss%25@10.0.0.1:3307/nova?charset=utf8&ssl_ca=/etc/ssl/ca.pem',
    { host: '10.0.0.1', port: 3307, password: 'p@ss%', ca: '/etc/ssl/ca.pem' },
  ],
  ['mysql+pymysql://nova:a#b/c?d:e@db/nova', { host: 'db', port: 3306, password: 'a#b/c?d:e', ca: undefined }],
  ['mysql://nova@db/nova', { host: 'db', password: undefined }],
  [
    'mariadb+mysqldb://n%C3%B6va:@[fd00::1]:3306/nova_cell0?ssl_cert=/c&ssl_key=/k',
    { host: 'fd00::1', user: 'növa', password: '', database: 'nova_cell0', cert: '/c', key: '/k' },
  ],
  ['mysql+pymysql://nova:secret@/nova', { host: 'localhost' }],
])('%s', (url, expected) => {
  expect(readDatabaseUrl(url)).toMatchObject(expected)
})

test.each([
  '',
  'nova.conf',
  'postgresql://nova:secret@db/nova',
  'sqlite:///nova.db',
  'mysql://nova:secret@db',
  'mysql://:secret@db/nova',
  'mysql://nova:secret@db:port/nova',
  'mysql://nova:secret%@db/nova',
  'mysql+pymysql://nova:secret@localhost/nova?unix_socket=/run/mysqld/mysqld.sock',
])('%j is refused, and not shown', (url) => {
  const refused = (): unknown => {
    try {
      return readDatabaseUrl(url)
    } catch (error) {
      return error
    }
  }
  expect(refused()).toBeInstanceOf(Failure)
  expect(JSON.stringify(refused()) + String(refused())).not.toContain('secret')
})
