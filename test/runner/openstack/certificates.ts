import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** Makes X.509 certificates, with any flaw and without openssl. DER as in RFC 5280. Called by the tests of TLS. */
export interface Issued {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

export interface Wish {
  readonly name: string
  readonly dnsNames?: readonly string[]
  /** IPv4. */
  readonly addresses?: readonly string[]
  /** Days from now; negative for one that has expired. */
  readonly days?: number
}

const tlv = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  const length =
    body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const sequence = (...parts: readonly Uint8Array[]) => tlv(0x30, ...parts)
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))
const utcTime = (date: Date) => tlv(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))
const commonName = (name: string) => sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(name)))))
const extension = (id: string, critical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([255]))] : []), tlv(0x04, value))
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const pem = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`

const certificate = (subject: Wish, key: KeyObject, issuer: string, issuerKey: KeyObject, isAuthority: boolean): string => {
  const day = 86_400_000
  const end = Date.now() + (subject.days ?? 30) * day
  const names = [
    ...(subject.dnsNames ?? []).map((name) => tlv(0x82, Buffer.from(name))),
    ...(subject.addresses ?? []).map((address) => tlv(0x87, Buffer.from(address.split('.').map(Number)))),
  ]
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(utcTime(new Date(end - 60 * day)), utcTime(new Date(end))),
    commonName(subject.name),
    key.export({ type: 'spki', format: 'der' }),
    tlv(
      0xa3,
      sequence(
        extension('551d13', true, isAuthority ? sequence(tlv(0x01, Buffer.from([255]))) : sequence()),
        ...(names.length > 0 ? [extension('551d11', false, sequence(...names))] : []),
      ),
    ),
  )
  return pem(sequence(body, ECDSA_WITH_SHA256, tlv(0x03, Buffer.from([0]), sign('sha256', body, issuerKey))))
}

const keys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pkcs8 = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

/** A certificate authority of our own. */
export const authority = (name: string): Issued & { issue(wish: Wish): Issued } => {
  const own = keys()
  const key = pkcs8(own.privateKey)
  return {
    cert: certificate({ name }, own.publicKey, name, own.privateKey, true),
    key,
    issue(wish) {
      const pair = keys()
      return { cert: certificate(wish, pair.publicKey, name, createPrivateKey(key), false), key: pkcs8(pair.privateKey) }
    },
  }
}
