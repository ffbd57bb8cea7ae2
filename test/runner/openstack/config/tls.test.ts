import { describe, expect, test } from 'vitest'
import { readTlsFiles } from '../../../../runner/openstack/config/tls.ts'
import { authority } from '../certificates.ts'
import { failureOf, filesOf } from '../files.ts'

const ca = authority('CA')
const client = ca.issue({ name: 'operator' })
const file = (text: string) => ({ kind: 'text', text, where: `clouds.yaml:3:5` }) as const
const files = {
  '/ca.pem': ca.cert,
  '/c.pem': client.cert,
  '/k.pem': client.key,
  '/both.pem': client.cert + client.key,
  '/other.pem': ca.issue({ name: 'x' }).key,
  '/text': 'hello',
  '/bad.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
}
const none = { verify: true, cacert: undefined, cert: undefined, key: undefined }

describe('readTlsFiles', () => {
  test('the files that are named', async () => {
    const tls = { verify: true, cacert: file('/ca.pem'), cert: file('/c.pem'), key: file('/k.pem') }
    expect(await readTlsFiles(tls, filesOf(files))).toEqual({ verify: true, ca: ca.cert, cert: client.cert, key: client.key })
  })

  test('certificate and key in one file', async () => {
    expect(await readTlsFiles({ ...none, cert: file('/both.pem') }, filesOf(files))).toMatchObject({
      cert: client.cert + client.key,
      key: client.cert + client.key,
    })
  })

  test.each([
    [
      'the bundle of the system',
      {},
      { '/etc/ssl/certs/ca-certificates.crt': 'debian', '/etc/pki/tls/certs/ca-bundle.crt': 'redhat' },
      'debian',
    ],
    ['or of another one', {}, { '/etc/pki/tls/certs/ca-bundle.crt': 'redhat' }, 'redhat'],
    [
      'or the one that Python would use',
      { REQUESTS_CA_BUNDLE: '/mine.pem' },
      { '/mine.pem': 'mine', '/etc/ssl/certs/ca-certificates.crt': 'debian' },
      'mine',
    ],
    ['or OpenSSL', { SSL_CERT_FILE: '/mine.pem' }, { '/mine.pem': 'mine' }, 'mine'],
    ["or Node's own", {}, {}, undefined],
  ])('without one: %s', async (_, env, on, expected) => {
    expect((await readTlsFiles(none, filesOf(on as Record<string, string>, env))).ca).toBe(expected)
  })

  test.each([
    ['cacert', { ...none, cacert: file('/gone.pem') }, 'clouds.yaml:3:5: /gone.pem does not exist'],
    ['cacert', { ...none, cacert: file('/text') }, 'clouds.yaml:3:5: /text is not a PEM file'],
    ['cacert', { ...none, cacert: file('/bad.pem') }, /^clouds.yaml:3:5: \/bad.pem: /],
    ['cert without its key', { ...none, cert: file('/c.pem') }, /^clouds.yaml:3:5: \/c.pem: /],
    ['a key of another', { ...none, cert: file('/c.pem'), key: file('/other.pem') }, /^clouds.yaml:3:5: \/c.pem: .*mismatch/],
  ])('%s that cannot be used: %j', async (_, tls, why) => {
    const failure = await failureOf(readTlsFiles(tls, filesOf(files)))
    expect(failure).toMatchObject({ kind: 'input', message: 'a certificate file cannot be used' })
    expect(failure.why).toMatch(why)
    expect(failure.why).not.toContain('BEGIN')
  })

  test('one that may not be read', async () => {
    const world = filesOf({ '/k.pem': Object.assign(new Error('no'), { code: 'EACCES' }) })
    expect((await failureOf(readTlsFiles({ ...none, cert: file('/k.pem') }, world))).why).toBe(
      'clouds.yaml:3:5: /k.pem cannot be read (EACCES)',
    )
  })
})
