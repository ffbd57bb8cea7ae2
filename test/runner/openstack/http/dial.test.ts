/** Connections with TLS and through proxies, against servers on loopback. */
import { createServer as createHttpServer } from 'node:http'
import { connect as tcpConnect, type AddressInfo, type Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type DialSettings, openDial } from '../../../../runner/openstack/http/dial.ts'
import { openExchange } from '../../../../runner/openstack/http/exchange.ts'
import { authority } from '../certificates.ts'
import { serve, serveTcp } from '../loopback.ts'

const ca = authority('Lab CA')
const host = ca.issue({ name: 'nova', addresses: ['127.0.0.1'], dnsNames: ['localhost'] })
const secure = (options: TlsOptions = host) => serve((_, response) => void response.end('ok'), options)

/** Milliseconds that nothing here comes near: a slow machine is not a lost connection. */
const LONG = 60_000

const ask = async (url: string, settings: Partial<DialSettings> = {}, proxy?: URL) => {
  const { signal } = new AbortController()
  const dial = openDial({ verify: true, ca: ca.cert, cert: undefined, key: undefined, timeout: LONG, signal, ...settings })
  const { answer, trouble } = await openExchange({ dial, proxyFor: () => proxy, timeout: LONG, signal })({
    method: 'GET',
    url,
    headers: {},
    repeatable: true,
  })
  const code = trouble && 'code' in trouble.error ? trouble.error.code : undefined
  return answer ? answer.text : { kind: trouble?.kind, sent: trouble?.sent, code }
}

describe('TLS', () => {
  test('a private authority that is named', async () => {
    expect(await ask((await secure()).url)).toBe('ok')
  })

  test('one that is not', async () => {
    const { url, received } = await secure()
    expect(await ask(url, { ca: undefined })).toEqual({ kind: 'tls', sent: false, code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    expect(await ask(url, { ca: authority('Other CA').cert })).toMatchObject({ kind: 'tls', sent: false })
    expect(received).toEqual([])
  })

  test('one that is not, with verify: false', async () => {
    expect(await ask((await secure()).url, { ca: undefined, verify: false })).toBe('ok')
  })

  test('a certificate for another name, or another address', async () => {
    const { port } = await secure(ca.issue({ name: 'nova', dnsNames: ['nova.example'] }))
    expect(await ask(`https://127.0.0.1:${port}`)).toEqual({ kind: 'tls', sent: false, code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    expect(await ask(`https://localhost:${port}`)).toEqual({ kind: 'tls', sent: false, code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    expect(await ask(`https://localhost:${(await secure()).port}`)).toBe('ok')
  })

  test('a certificate that has expired', async () => {
    const { url } = await secure(ca.issue({ name: 'nova', addresses: ['127.0.0.1'], days: -1 }))
    expect(await ask(url)).toEqual({ kind: 'tls', sent: false, code: 'CERT_HAS_EXPIRED' })
  })

  test('a server that wants a client certificate', async () => {
    const { url } = await secure({ ...host, ca: ca.cert, requestCert: true, rejectUnauthorized: true })
    expect(await ask(url, ca.issue({ name: 'operator' }))).toBe('ok')
    // With TLS 1.3 a client learns only after the handshake that its certificate is missing.
    expect(await ask(url)).toMatchObject({ kind: 'tls', sent: true })
  })

  test('https:// to a server that speaks plain HTTP, and http:// to one that speaks TLS', async () => {
    const plain = await serve((_, response) => void response.end('ok'))
    expect(await ask(`https://127.0.0.1:${plain.port}`)).toMatchObject({ kind: 'tls', sent: false })
    const { port } = await secure()
    expect(await ask(`http://127.0.0.1:${port}`)).toMatchObject({ sent: true })
  })

  test('a server that hangs up at the start, as uWSGI does when it is spoken to in TLS', async () => {
    const { port } = await serveTcp((socket) => socket.once('data', () => socket.destroy()))
    expect(await ask(`https://127.0.0.1:${port}`)).toEqual({ kind: 'handshake', sent: false, code: 'HANDSHAKE_CLOSED' })
  })

  test('a server that accepts the connection and says nothing', async () => {
    const { port } = await serveTcp(() => {})
    expect(await ask(`https://127.0.0.1:${port}`, { timeout: 100 })).toEqual({
      kind: 'connect-timeout',
      sent: false,
      code: 'CONNECT_TIMEOUT',
    })
  })
})

/** A proxy that tunnels, and refuses clients without a login. */
const proxy = async () => {
  const asked: string[] = []
  const server = createHttpServer().on('connect', (request, client: Socket) => {
    asked.push(request.url ?? '')
    if (request.headers['proxy-authorization'] === undefined)
      return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const [host, port] = (request.url ?? '').split(':')
    const upstream = tcpConnect(Number(port), host).on('error', () => client.destroy())
    client.on('error', () => upstream.destroy()).write('HTTP/1.1 200 Connection established\r\n\r\n')
    upstream.pipe(client).pipe(upstream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { asked, port: (server.address() as AddressInfo).port }
}

describe('a proxy for TLS', () => {
  test('tunnels, and the certificate is still that of the service', async () => {
    const { port, asked } = await proxy()
    const service = await secure()
    expect(await ask(service.url, {}, new URL(`http://u:p@127.0.0.1:${port}`))).toBe('ok')
    expect(asked).toEqual([`127.0.0.1:${service.port}`])
    expect(await ask(service.url, { ca: undefined }, new URL(`http://u:p@127.0.0.1:${port}`))).toMatchObject({ kind: 'tls' })
  })

  test('refuses', async () => {
    const { port } = await proxy()
    expect(await ask((await secure()).url, {}, new URL(`http://127.0.0.1:${port}`))).toEqual({
      kind: 'proxy',
      sent: false,
      code: 'PROXY_REFUSED',
    })
  })

  test('hangs', async () => {
    const { port } = await serveTcp(() => {})
    expect(await ask((await secure()).url, { timeout: 100 }, new URL(`http://127.0.0.1:${port}`))).toMatchObject({
      kind: 'connect-timeout',
      sent: false,
    })
  })
})
