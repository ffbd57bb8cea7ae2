/** Secrets found by name: in settings, playbooks, command lines, URLs and keys. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hideCredentials, hideSecrets, holdsHidden, isSecretName, isSecretSetting } from '../../../runner/base/secret-names.ts'

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
    'adminPass',
    'api_key',
  ])('%s', (name) => {
    expect(isSecretName(name)).toBe(true)
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
    'ansible_ssh_private_key_file',
    'token_dir',
    'rbd_secret_uuid',
  ])('%s is none', (name) => {
    expect(isSecretName(name)).toBe(false)
  })

  test.each([
    ['url', 'rabbit://nova:pass@controller', true],
    ['url', 'mysql+pymysql://nova:pass@controller/nova', true],
    ['url', 'http://controller:5000/v3', false],
    ['url', 'amqp://host:5672/user@x', false],
  ])('%s = %s: %s', (name, value, expected) => {
    expect(isSecretSetting(name, undefined, value)).toBe(expected)
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
    ['url = rabbit://a:p1@h1:5672,b:p2@h2/', 'url = rabbit://(hidden)@h2/', 'a:p1@h1:5672,b:p2'],
    ['url = rabbit://a:p@ss@h', 'url = rabbit://(hidden)@h', 'a:p@ss'],
    ['connection: local', 'connection: local', ''],
    ['h ansible_password=x9 ansible_user=y', 'h ansible_password=(hidden) ansible_user=y', 'x9'],
    ['GET /v3?token=abc&limit=5', 'GET /v3?token=(hidden)&limit=5', 'abc'],
    ['mysql --password=a,b -u root', 'mysql --password=(hidden) -u root', 'a,b'],
    ['{"auth": {"password": "a\\"b", "user": "u"}}', '{"auth": {"password": (hidden), "user": "u"}}', '"a\\"b"'],
    ['tokens: [one, two]', 'tokens: (hidden)', '[one, two]'],
    ['x: { admin_password: [one, two], y: 1 }', 'x: { admin_password: (hidden), y: 1 }', '[one, two]'],
    ['password: "{{ pw }}"', 'password: "{{ pw }}"', ''],
    ['password: "s3cret{{ tail }}"', 'password: (hidden)', '"s3cret{{ tail }}"'],
    ['url: "rabbit://nova:{{pw}}@mq"', 'url: "rabbit://nova:{{pw}}@mq"', ''],
    ['secret: true\ntoken: null', 'secret: true\ntoken: null', ''],
    ['p: { token: { type: string, secret: true } }', 'p: { token: { type: string, secret: true } }', ''],
    ['nothing here', 'nothing here', ''],
  ])('%j', (text, shown, secrets) => {
    expect(hideSecrets(text)).toEqual({ text: shown, secrets })
  })

  test.each([
    ['option: admin_password\nvalue: S3CRET', 'option: admin_password\nvalue: (hidden)'],
    [
      '- value: S3CRET\n  option: admin_password\n- value: 5\n  option: x',
      '- value: (hidden)\n  option: admin_password\n- value: 5\n  option: x',
    ],
    [
      '- name: DB_PASSWORD\n  more:\n    value: 5\n  value: S3CRET\n',
      '- name: DB_PASSWORD\n  more:\n    value: 5\n  value: (hidden)\n',
    ],
    [
      'ini: { path: /x, option: admin_password,\n  value: S3CRET }',
      'ini: { path: /x, option: admin_password,\n  value: (hidden) }',
    ],
    ['ini: { value: "S3CRET", option: "admin_password" }', 'ini: { value: (hidden), option: "admin_password" }'],
    ['ini: path=/x option=admin_password value=S3CRET', 'ini: path=/x option=admin_password value=(hidden)'],
    ['token: { type: string, secret: true, default: S3CRET }', 'token: { type: string, secret: true, default: (hidden) }'],
    ['pin:\n  type: string\n  secret: true\n  default: S3CRET\n', 'pin:\n  type: string\n  secret: true\n  default: (hidden)\n'],
    ['option: admin_password\nvalue: "{{ pw }}"', 'option: admin_password\nvalue: "{{ pw }}"'],
    ['option: my_ip\nvalue: 10.0.0.5', 'option: my_ip\nvalue: 10.0.0.5'],
    ['password: |\n  S3CRET\n  more\nnext: 1', 'password: |\n  (hidden)\n  (hidden)\nnext: 1'],
    ['password: "S3CRET\n  more"\nnext: 1', 'password: (hidden)\n  (hidden)\nnext: 1'],
    ['password =\n  S3CRET\nnext = 1', 'password =\n  (hidden)\nnext = 1'],
    ['credentials:\n  user: nova\n  password: S3CRET', 'credentials:\n  user: nova\n  password: (hidden)'],
    ['admin_passwords:\n  - S3CRET\n  - more\nnext: 1', 'admin_passwords:\n  - (hidden)\n  - (hidden)\nnext: 1'],
    ['key: |\n  -----BEGIN PRIVATE KEY-----\n  S3CRET\n  -----END PRIVATE KEY-----\n', 'key: |\n  (hidden)\n'],
    ['{"k": "-----BEGIN EC PRIVATE KEY-----\\nS3CRET\\n-----END EC PRIVATE KEY-----"}', '{"k": "(hidden)"}'],
  ])('where name and value are apart: %j', (text, shown) => {
    expect(hideSecrets(text).text).toBe(shown)
  })

  test('what was hidden is not hidden again', () => {
    const text = 'password: (hidden)\nurl: rabbit://(hidden)@mq\n-p token=(hidden)'
    expect(hideSecrets(text)).toEqual({ text, secrets: '' })
    expect(hideSecrets(hideSecrets('password: S3CRET').text).text).toBe('password: (hidden)')
  })

  test('a message loses the credentials of its URLs only', () => {
    expect(hideCredentials('proxy http://me:S3CRET@proxy:80 said: password: wrong')).toBe(
      'proxy http://(hidden)@proxy:80 said: password: wrong',
    )
  })

  test('what stood in place of a secret in older journals is known', () => {
    expect(['open (hidden)', 'open ********', 'open ***'].map(holdsHidden)).toEqual([true, true, false])
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
