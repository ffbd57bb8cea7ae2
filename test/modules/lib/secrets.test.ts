import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hideSecrets, isSecret, isSecretOption } from '../../../modules/lib/secrets.ts'

describe('secret options', () => {
  test.each([
    'password',
    'admin_password',
    'rabbit_password',
    'transport_url',
    'connection',
    'slave_connection',
    'sql_connection',
    'metadata_proxy_shared_secret',
    'memcache_secret_key',
    'admin_token',
    'root_token_id',
    'private_key',
    'MYSQL_ROOT_PASSWORD',
  ])('%s', (name) => {
    expect(isSecretOption(name)).toBe(true)
  })

  test.each([
    'my_ip',
    'debug',
    'connection_recycle_time',
    'max_connections',
    'passthrough',
    'token_expiration',
    'pass_through',
    'key',
    'www_authenticate_uri',
  ])('%s is none', (name) => {
    expect(isSecretOption(name)).toBe(false)
  })

  test.each([
    ['url', 'rabbit://nova:pass@controller', true],
    ['url', 'mysql+pymysql://nova:pass@controller/nova', true],
    ['url', 'http://controller:5000/v3', false],
    ['url', 'amqp://host:5672/user@x', false],
  ])('%s = %s: %s', (name, value, expected) => {
    expect(isSecret(name, undefined, value)).toBe(expected)
  })
})

describe('hideSecrets', () => {
  test.each([
    ['password = s3cret\nmy_ip = 1\n', 'password = (hidden)\nmy_ip = 1\n', 's3cret'],
    ['  admin_password: "a b"\n', '  admin_password: (hidden)\n', '"a b"'],
    ['#password=old\n', '#password=(hidden)\n', 'old'],
    ['export OS_PASSWORD=x y', 'export OS_PASSWORD=(hidden)', 'x y'],
    ['  - "secret": z', '  - "secret": (hidden)', 'z'],
    ['url = http://a:b@c/', 'url = http://(hidden)@c/', 'a:b'],
    ['transport_url = rabbit://a:b@c/', 'transport_url = (hidden)', 'rabbit://a:b@c/'],
    ['password =\nmy_ip = 1', 'password =\nmy_ip = 1', ''],
    [
      'a\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nb',
      'a\n(hidden)\nb',
      '-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----',
    ],
    ['nothing here', 'nothing here', ''],
  ])('%j', (text, shown, secrets) => {
    expect(hideSecrets(text)).toEqual({ text: shown, secrets })
  })

  test('no secret is left, whatever stands around it', () => {
    const noise = fc.string({ unit: fc.constantFrom('a', '\n', ' ', '=', '#', '"', ':', '/', '@') })
    fc.assert(
      fc.property(noise, noise, fc.constantFrom('password = ', 'x_secret: ', 'token="'), (before, after, head) => {
        const { text } = hideSecrets(`${before}\n${head}S3CRET${after}`)
        expect(text).not.toContain('S3CRET')
      }),
    )
  })

  test('text with nothing secret in it is shown as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\n', ' ', '=', '#', '"', '[', ']') }), (text) => {
        expect(hideSecrets(text)).toEqual({ text, secrets: '' })
      }),
    )
  })
})
