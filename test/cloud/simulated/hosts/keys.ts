/** Ed25519 keys in OpenSSH's forms. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'

export interface KeyPair {
  /** OpenSSH's private key format. */
  readonly private: string
  /** `ssh-ed25519 AAAA… comment` */
  readonly public: string
}

const keyType = 'ssh-ed25519'

const field = (content: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(content)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Made here because ssh2's own generator spoils each 256th key: it strips leading zeros of the public half. */
export function generateKey(comment: string): KeyPair {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const [publicHalf, secret] = [Buffer.from(x, 'base64url'), Buffer.from(d, 'base64url')]
  const publicBlob = Buffer.concat([field(keyType), field(publicHalf)])
  const check = randomBytes(4)
  const body = Buffer.concat([
    check,
    check,
    field(keyType),
    field(publicHalf),
    field(Buffer.concat([secret, publicHalf])),
    field(comment),
  ])
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, index) => index + 1))
  const blob = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    Buffer.from([0, 0, 0, 1]),
    field(publicBlob),
    field(Buffer.concat([body, padding])),
  ])
  const lines = blob.toString('base64').replaceAll(/.{1,70}/g, '$&\n')
  return {
    private: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}-----END OPENSSH PRIVATE KEY-----\n`,
    public: `${keyType} ${publicBlob.toString('base64')} ${comment}`,
  }
}

/** As ssh-keygen -l shows it: `SHA256:…`. */
export const fingerprint = (publicKey: string): string =>
  `SHA256:${createHash('sha256')
    .update(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'))
    .digest('base64')
    .replace(/=+$/, '')}`
