import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { Failure } from '../../base/failure.ts'
import type { FileWorld } from './clouds-file.ts'
import type { TlsSettings } from './settings.ts'
import type { Text } from './tree.ts'

/** Contents of the files that `TlsSettings` names. */
export interface TlsFiles {
  readonly verify: boolean
  /** PEM; undefined for Node's own list. */
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/**
 * Files with the authorities that an administrator trusts, on Debian, Red Hat and SUSE. The `openstack` command of a
 * distribution uses them. Node alone uses its built-in list, and would refuse a cloud behind a company's own
 * authority.
 */
const BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem']
/** Variables that name another bundle, as Python's requests and OpenSSL read them. */
const VARIABLES = ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE']

/** Reads certificates and keys. Throws a `Failure` of kind `input` that names the setting's place. */
export const readTlsFiles = async (tls: TlsSettings, world: FileWorld): Promise<TlsFiles> => {
  const [cacert, cert, key] = await Promise.all([tls.cacert, tls.cert, tls.key].map((file) => file && readPem(file, world)))
  const files = { verify: tls.verify, cert, key: key ?? cert, ca: cacert ?? (await systemBundle(world)) }
  for (const [setting, part] of [
    [tls.cacert, { ca: cacert }],
    [tls.cert, { cert, key: files.key }],
  ] as const)
    if (setting) check(setting, part)
  return files
}

const readPem = async ({ text, where }: Text, world: FileWorld): Promise<string> => {
  const wrong = (why: string) =>
    new Failure(`a certificate file cannot be used`, { kind: 'input', why: `${where}: ${text} ${why}`, help: 'correct the path' })
  const bytes = await world.read(text).catch((error: unknown) => {
    throw wrong(`cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'})`)
  })
  if (bytes === undefined) throw wrong('does not exist')
  const pem = new TextDecoder().decode(bytes)
  if (!pem.includes('-----BEGIN ')) throw wrong('is not a PEM file')
  return pem
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g

const check = (
  { text, where }: Text,
  part: { readonly ca?: string | undefined; readonly cert?: string | undefined; readonly key?: string | undefined },
) => {
  try {
    // OpenSSL passes over an authority that it cannot read.
    part.ca?.match(CERTIFICATE)?.forEach((pem) => new X509Certificate(pem))
    createSecureContext(part)
  } catch (error) {
    throw new Failure('a certificate file cannot be used', {
      kind: 'input',
      why: `${where}: ${text}: ${error instanceof Error ? error.message : String(error)}`,
      help: 'check that it is a PEM certificate, and that its key belongs to it and has no passphrase',
    })
  }
}

const systemBundle = async (world: FileWorld): Promise<string | undefined> => {
  const named = VARIABLES.map((name) => world.env[name]).find((file) => file)
  for (const file of named ? [named] : BUNDLES) {
    const bytes = await world.read(file).catch(() => undefined)
    if (bytes !== undefined) return new TextDecoder().decode(bytes)
  }
  return undefined
}
