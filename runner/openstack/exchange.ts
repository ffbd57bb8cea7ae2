import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { CONNECT_TIMEOUT, type Dial, PROXY_REFUSED } from './dial.ts'
import { proxyHeaders } from './proxy.ts'

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** It may arrive twice: a read, or a write whose repetition changes nothing. */
  readonly repeatable: boolean
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Why there was no answer. `sent` is false only where the server cannot have seen the request. */
export interface Trouble {
  readonly kind: 'name' | 'refused' | 'connect-timeout' | 'tls' | 'proxy' | 'timeout' | 'reset' | 'protocol' | 'aborted'
  readonly sent: boolean
  readonly error: Error
}

export type Outcome =
  { readonly answer: HttpAnswer; readonly trouble?: never } | { readonly trouble: Trouble; readonly answer?: never }

/** One request and its answer, tried once. Never rejects. */
export type Exchange = (request: HttpRequest) => Promise<Outcome>

export interface ExchangeSettings {
  readonly dial: Dial
  readonly proxyFor: (url: URL) => URL | undefined
  /** Milliseconds from the request's first byte to the answer's last. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/** More at once only queue up in the API's workers. */
const CONNECTIONS = 16

const TIMEOUT = 'REQUEST_TIMEOUT'

export const openExchange = ({ dial, proxyFor, timeout, signal }: ExchangeSettings): Exchange => {
  const cancels = new Set<() => void>()
  signal.addEventListener('abort', () => cancels.forEach((cancel) => cancel()), { once: true })
  const agents = {
    'http:': { kept: agentOf(http.Agent, true, dial, proxyFor), fresh: agentOf(http.Agent, false, dial, proxyFor) },
    'https:': { kept: agentOf(https.Agent, true, dial, proxyFor), fresh: agentOf(https.Agent, false, dial, proxyFor) },
  }

  return ({ method, url: address, headers, body, repeatable }) =>
    new Promise((resolve) => {
      const url = new URL(address)
      const proxy = url.protocol === 'http:' ? proxyFor(url) : undefined
      const { kept, fresh } = agents[url.protocol as keyof typeof agents]
      const request = (url.protocol === 'https:' ? https : http).request({
        // A server may close an idle connection just as we write to it. A request that must not arrive twice could not be sent again
        // then, so it never goes over a used connection.
        agent: repeatable ? kept : fresh,
        method,
        protocol: url.protocol,
        hostname: (proxy ?? url).hostname.replace(/^\[|\]$/g, ''),
        port: (proxy ?? url).port || (url.protocol === 'https:' ? 443 : 80),
        path: proxy ? url.href : url.pathname + url.search,
        headers: {
          Host: url.host,
          ...headers,
          ...(proxy && proxyHeaders(proxy)),
          ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
        },
      })
      const state = { sent: false }
      const finish = (outcome: Outcome) => {
        clearTimeout(timer)
        cancels.delete(cancel)
        resolve(outcome)
      }
      const fail = (error: Error) => finish({ trouble: { kind: kindOf(error, state.sent), sent: state.sent, error } })
      const cancel = () => {
        finish({ trouble: { kind: 'aborted', sent: state.sent, error: new Error('aborted') } })
        request.destroy()
      }
      let timer: NodeJS.Timeout | undefined
      cancels.add(cancel)
      request
        .once('socket', () => {
          // The agent hands over only sockets that are connected and secured: from here on the server may have seen the request.
          state.sent = true
          timer = setTimeout(
            () => request.destroy(Object.assign(new Error(`no answer within ${timeout / 1000} s`), { code: TIMEOUT })),
            timeout,
          )
        })
        .once('response', (response) => collect(response, finish, fail))
        .on('error', fail)
        .end(body)
    })
}

/** An agent whose connections come from `dial`, so that everything before the first byte happens there. */
const agentOf = (
  Kind: typeof http.Agent | typeof https.Agent,
  keepAlive: boolean,
  dial: Dial,
  proxyFor: ExchangeSettings['proxyFor'],
) => {
  const secure = Kind === https.Agent
  const agent = new Kind({ keepAlive, maxSockets: CONNECTIONS })
  const createConnection = (
    options: { host: string; port: number | string },
    done: (error: Error | null, socket?: Socket) => void,
  ) => {
    const { host, port } = options
    const url = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`)
    Promise.resolve()
      .then(() => dial({ secure, host, port: Number(port), proxy: secure ? proxyFor(url) : undefined }))
      .then((socket) => done(null, socket), done)
  }
  return Object.assign(agent, { createConnection })
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
  [PROXY_REFUSED]: 'proxy',
  [TIMEOUT]: 'timeout',
}

/** OpenSSL's own codes, and those Node gives to what it finds wrong with a certificate (nodejs.org/api/tls.html, X509 certificate error codes). */
const TLS = /^ERR_(SSL|TLS|OSSL)|CERT|^UNABLE_TO_|_IN_CHAIN$|^HOSTNAME_MISMATCH$|^INVALID_(CA|PURPOSE)$|^EPROTO$/

const kindOf = (error: Error, sent: boolean): Trouble['kind'] => {
  const code = 'code' in error ? String(error.code) : ''
  const known = KINDS[code]
  if (known === 'connect-timeout' && sent) return 'reset'
  if (known) return known
  if (TLS.test(code)) return 'tls'
  return code.startsWith('HPE_') ? 'protocol' : 'reset'
}
