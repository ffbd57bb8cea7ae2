/**
 * Connections that are ready to be written to, through name, TCP, proxy and TLS. Called by the agents of exchange.ts.
 */

import { duration } from '../../base/format.ts'
import { request as httpRequest } from 'node:http'
import { connect as tcpConnect, isIP, type Socket } from 'node:net'
import { connect as tlsConnect, createSecureContext, type SecureContext } from 'node:tls'
import { proxyHeaders } from './proxy.ts'

export interface Destination {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** The proxy to tunnel through (HTTPS only: plain HTTP is sent to the proxy itself). */
  readonly proxy: URL | undefined
}

/** Opens a connection that is ready to be written to. Rejects with an error whose `code` is the reason. */
export type Dial = (to: Destination) => Promise<Socket>

export interface DialSettings {
  readonly verify: boolean
  /** PEM. Replaces the system's authorities. */
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  /** Milliseconds for name, connection and TLS together. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/** Makes an error with a `code`, like the system's errors. */
export const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code })

export const CONNECT_TIMEOUT = 'CONNECT_TIMEOUT'
export const HANDSHAKE_CLOSED = 'HANDSHAKE_CLOSED'
export const PROXY_REFUSED = 'PROXY_REFUSED'

export const openDial = (settings: DialSettings): Dial => {
  const live = new Set<Socket>()
  settings.signal.addEventListener('abort', () => live.forEach((socket) => socket.destroy()), { once: true })
  const context = memo(() => createSecureContext({ ca: settings.ca, cert: settings.cert, key: settings.key }))

  return (to) =>
    new Promise((resolve, reject) => {
      const opened: Socket[] = []
      const own = <S extends Socket>(socket: S): S => {
        live.add(socket)
        opened.push(socket)
        socket.once('close', () => live.delete(socket))
        return socket
      }
      const timer = setTimeout(
        () =>
          fail(coded(CONNECT_TIMEOUT, `no connection to ${to.host} port ${to.port} within ${duration(settings.timeout / 1000)}`)),
        settings.timeout,
      )
      const fail = (error: unknown) => {
        clearTimeout(timer)
        opened.forEach((socket) => socket.destroy())
        reject(error)
      }
      const ready = (socket: Socket) => {
        clearTimeout(timer)
        socket.removeAllListeners('error')
        resolve(socket)
      }
      const secured = (socket: Socket) => {
        if (!to.secure) return ready(socket)
        const tls = own(
          tlsConnect({
            socket,
            host: to.host,
            // An address must not be sent as a server name (RFC 6066); the certificate is then checked against `host`.
            servername: isIP(to.host) ? '' : to.host,
            secureContext: context(),
            rejectUnauthorized: settings.verify,
            ALPNProtocols: ['http/1.1'],
          }),
        )
        tls.once('error', (error) =>
          fail(
            wasClosed(error)
              ? coded(HANDSHAKE_CLOSED, `${to.host} port ${to.port} closed the connection at the start of TLS`)
              : error,
          ),
        )
        tls.once('secureConnect', () => ready(tls))
      }
      try {
        if (to.secure && to.proxy) tunnel(to, to.proxy, own, secured, fail)
        else {
          const socket = own(tcp(to.host, to.port))
          socket.once('error', fail).once('connect', () => secured(socket))
        }
      } catch (error) {
        fail(error)
      }
    })
}

/** Allows 2.5 s for each address of a name: Node's default of 250 ms fails on slow links (a VPN). */
const tcp = (host: string, port: number): Socket =>
  tcpConnect({ host, port, noDelay: true, keepAlive: true, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 2_500 })

const tunnel = (
  to: Destination,
  proxy: URL,
  own: (socket: Socket) => Socket,
  done: (socket: Socket) => void,
  fail: (error: unknown) => void,
) => {
  const authority = `${to.host.includes(':') ? `[${to.host}]` : to.host}:${to.port}`
  const request = httpRequest({
    createConnection: () => own(tcp(proxy.hostname.replace(/^\[|\]$/g, ''), Number(proxy.port || 80))),
    method: 'CONNECT',
    path: authority,
    headers: { Host: authority, ...proxyHeaders(proxy) },
  })
  request
    .once('error', fail)
    .once('connect', (answer, socket: Socket) => {
      if (answer.statusCode === 200) done(socket)
      else fail(coded(PROXY_REFUSED, `the proxy ${proxy.host} answered ${answer.statusCode} to CONNECT ${authority}`))
    })
    .end()
}

/** Returns true if the other side closed the connection before any TLS message. */
const wasClosed = (error: Error): boolean => 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')

const memo = (make: () => SecureContext): (() => SecureContext) => {
  let made: SecureContext | undefined
  return () => (made ??= make())
}
