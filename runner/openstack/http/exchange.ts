/**
 * Sends one HTTP request once. Returns the answer, or the trouble and whether the server can have seen the request.
 * Called by http.ts, which decides about a retry.
 *
 * Uses node:http. undici 7.30.2 (the last for Node 20.19) was tried against the same loopback servers. undici does
 * report whether a request was sent: a handler's `onRequestStart`, or the channel `undici:client:sendHeaders`, fires
 * after the handshake and before the first byte. But:
 * - undici's `other side closed` hides the alert of a server that requires a client certificate (TLS 1.3, 60 of 60
 *   requests). Only a connector of our own sees the alert, and `ProxyAgent` accepts no connector.
 * - A proxy that accepts a CONNECT and never answers holds a request for ever, whatever `connect.timeout` is.
 * - A proxy's 407 to a plain request becomes an `InvalidArgumentError`, as if this program were wrong. A proxy user
 *   without a password is dropped. `all_proxy`, and networks in `no_proxy`, are not read. So dial.ts and proxy.ts
 *   would have to stay, and undici would replace some fifty lines of this file.
 */

import { duration } from '../../base/format.ts'
import http, { type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { createLimiter } from '../../base/concurrency.ts'
import { CONNECT_TIMEOUT, type Dial, HANDSHAKE_CLOSED, PROXY_REFUSED } from './dial.ts'
import { proxyHeaders } from './proxy.ts'

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** The request may arrive twice: a read, or a write whose repetition changes nothing. */
  readonly repeatable: boolean
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The reason for a missing answer. `sent` is false only if the server cannot have seen the request. */
export interface Trouble {
  readonly kind:
    'name' | 'refused' | 'connect-timeout' | 'handshake' | 'tls' | 'proxy' | 'timeout' | 'reset' | 'protocol' | 'aborted'
  readonly sent: boolean
  readonly error: Error
}

export type Outcome =
  { readonly answer: HttpAnswer; readonly trouble?: never } | { readonly trouble: Trouble; readonly answer?: never }

/** Sends one request once. Rejects only if the settings of the proxy are wrong. */
export type Exchange = (request: HttpRequest) => Promise<Outcome>

export interface ExchangeSettings {
  readonly dial: Dial
  readonly proxyFor: (url: URL) => URL | undefined
  /** Milliseconds from the request's first byte to the answer's last. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/** Requests at once; more would only queue up in the API's workers. */
const CONNECTIONS = 16

const TIMEOUT = 'REQUEST_TIMEOUT'

export const openExchange = ({ dial, proxyFor, timeout, signal }: ExchangeSettings): Exchange => {
  const cancels = new Set<() => void>()
  signal.addEventListener('abort', () => cancels.forEach((cancel) => cancel()), { once: true })
  const agents = { 'http:': agentOf(http.Agent, dial), 'https:': agentOf(https.Agent, dial) }

  const once: Exchange = ({ method, url: address, headers, body }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return resolve({ trouble: { kind: 'aborted', sent: false, error: new Error('aborted') } })
      const url = new URL(address)
      const secure = url.protocol === 'https:'
      const either = proxyFor(url)
      const [proxy, tunnel] = secure ? [undefined, either] : [either, undefined]
      const options: RequestOptions & Pick<ConnectOptions, 'tunnel'> = {
        agent: agents[url.protocol as keyof typeof agents],
        tunnel,
        method,
        protocol: url.protocol,
        hostname: (proxy ?? url).hostname.replace(/^\[|\]$/g, ''),
        port: (proxy ?? url).port || (secure ? 443 : 80),
        path: proxy ? url.href : url.pathname + url.search,
        headers: {
          Host: url.host,
          ...headers,
          ...(proxy && proxyHeaders(proxy)),
          ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
        },
      }
      const request = (secure ? https : http).request(options)
      const state = { sent: false }
      const finish = (outcome: Outcome) => {
        clearTimeout(timer)
        cancels.delete(cancel)
        resolve(outcome)
      }
      const fail = (error: Error) => {
        // Every error of a connection has a code. An error without one is a mistake in this program.
        if (!('code' in error)) reject(error)
        finish({ trouble: { kind: kindOf(error, state.sent), sent: state.sent, error } })
      }
      const cancel = () => {
        finish({ trouble: { kind: 'aborted', sent: state.sent, error: new Error('aborted') } })
        request.destroy()
      }
      let timer: NodeJS.Timeout | undefined
      cancels.add(cancel)
      request
        .once('socket', () => {
          // The agent hands over only sockets that are connected and secured: from here on the server may have seen
          // the request.
          state.sent = true
          timer = setTimeout(
            () => request.destroy(Object.assign(new Error(`no answer within ${duration(timeout / 1000)}`), { code: TIMEOUT })),
            timeout,
          )
        })
        .once('response', (response) => collect(response, finish, fail))
        .on('error', fail)
        .end(body)
    })

  // An agent's own limit counts a connection only once the connection is made.
  const limited = createLimiter(CONNECTIONS)
  return (request) => limited(() => once(request))
}

/**
 * Makes an agent whose connections come from `dial`, so that everything before the first byte happens there. No
 * connection is reused: uWSGI, under which many of these APIs run, closes a connection after the answer without
 * announcing the close, and a request written into a closing connection may or may not have arrived.
 */
const agentOf = (Kind: typeof http.Agent | typeof https.Agent, dial: Dial) => {
  const agent = new Kind({ keepAlive: false })
  const connect = async ({ host, port, tunnel }: ConnectOptions, done: Connected) => {
    try {
      done(null, await dial({ secure: Kind === https.Agent, host, port: Number(port), proxy: tunnel }))
    } catch (error) {
      done(error)
    }
  }
  // Must return nothing: an agent takes a returned value for the socket.
  const createConnection = (options: ConnectOptions, done: Connected) => void connect(options, done)
  return Object.assign(agent, { createConnection })
}

type Connected = (error: unknown, socket?: Socket) => void

/** The request options that Node passes on to an agent. */
interface ConnectOptions {
  readonly host: string
  readonly port: number | string
  readonly tunnel: URL | undefined
}

const collect = (response: IncomingMessage, finish: (outcome: Outcome) => void, fail: (error: Error) => void) => {
  const chunks: Buffer[] = []
  response
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('error', fail)
    .once('end', () => {
      const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
      finish({ answer: { status: response.statusCode ?? 0, headers, text: Buffer.concat(chunks).toString('utf8') } })
    })
}

const KINDS: Readonly<Record<string, Trouble['kind']>> = {
  ENOTFOUND: 'name',
  EAI_AGAIN: 'name',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'refused',
  ENETUNREACH: 'refused',
  EHOSTDOWN: 'refused',
  ETIMEDOUT: 'connect-timeout',
  [CONNECT_TIMEOUT]: 'connect-timeout',
  [HANDSHAKE_CLOSED]: 'handshake',
  [PROXY_REFUSED]: 'proxy',
  [TIMEOUT]: 'timeout',
}

/**
 * OpenSSL's codes, and Node's codes for a refused certificate (nodejs.org/api/tls.html, X509 certificate error
 * codes).
 */
const TLS = /^ERR_(SSL|TLS|OSSL)|CERT|^UNABLE_TO_|_IN_CHAIN$|^HOSTNAME_MISMATCH$|^INVALID_(CA|PURPOSE)$|^EPROTO$/

const kindOf = (error: Error, sent: boolean): Trouble['kind'] => {
  const code = 'code' in error ? String(error.code) : ''
  const known = KINDS[code]
  if (known === 'connect-timeout' && sent) return 'reset'
  if (known) return known
  if (TLS.test(code)) return 'tls'
  return code.startsWith('HPE_') ? 'protocol' : 'reset'
}
