/** A small HTTP server for the simulated services: JSON in and out, and the faults of a broken one. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiFault, Faults } from '../faults.ts'

export interface Request {
  readonly method: string
  /** Decoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  /** What the client sees before the path, e.g. `http://127.77.0.11:8774`. */
  readonly origin: string
}

export interface Response {
  readonly status: number
  /** Sent as JSON; a string is sent as it is; undefined is an empty body. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

export interface Service {
  readonly url: string
  stop(): Promise<void>
}

/** @throws the listen error (EADDRINUSE …) */
export async function serve(
  name: 'keystone' | 'nova' | 'placement',
  address: string,
  port: number,
  faults: Faults,
  handle: (request: Request) => Promise<Response>,
): Promise<Service> {
  const server = createServer((incoming, outgoing) => {
    void answer(name, incoming, outgoing, faults, handle)
  })
  server.keepAliveTimeout = 60_000
  await listen(server, address, port)
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const listen = (server: Server, address: string, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })

async function answer(
  name: ApiFault['service'],
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  faults: Faults,
  handle: (request: Request) => Promise<Response>,
): Promise<void> {
  try {
    const request = await readRequest(incoming)
    const fault = faults.strikeApi(name, request.method, request.path)
    if (fault?.delay !== undefined) await new Promise((resolve) => setTimeout(resolve, (fault.delay ?? 0) * 1000).unref())
    if (fault?.reset === true) return void incoming.socket.resetAndDestroy()
    if (fault?.hang === true) return
    send(outgoing, request.method, (fault && faultResponse(fault)) ?? (await handle(request)))
  } catch (error) {
    if (outgoing.destroyed || incoming.destroyed) return
    send(outgoing, incoming.method ?? 'GET', { status: 500, body: String(error instanceof Error ? error.stack : error) })
  }
}

async function readRequest(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const origin = `http://${incoming.headers.host ?? 'localhost'}`
  const url = new URL(incoming.url ?? '/', origin)
  return {
    method: incoming.method ?? 'GET',
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: incoming.headers as Record<string, string | undefined>,
    text: Buffer.concat(chunks).toString('utf8'),
    origin,
  }
}

function faultResponse(fault: ApiFault): Response | undefined {
  if (fault.status === undefined && fault.html !== true && fault.body === undefined) return undefined
  const status = fault.status ?? (fault.html === true ? 502 : 200)
  if (fault.body !== undefined)
    return { status, body: fault.body, headers: { 'Content-Type': 'application/json', ...fault.headers } }
  if (fault.html === true) return { status, body: errorPage(status), headers: { 'Content-Type': 'text/html', ...fault.headers } }
  return { status, body: '', headers: fault.headers ?? {} }
}

const errorPage = (status: number) =>
  `<html>\r\n<head><title>${status} Bad Gateway</title></head>\r\n<body>\r\n<center><h1>${status} Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`

function send(outgoing: ServerResponse, method: string, response: Response): void {
  const text =
    response.body === undefined ? '' : typeof response.body === 'string' ? response.body : JSON.stringify(response.body)
  for (const [header, value] of Object.entries(response.headers ?? {})) outgoing.setHeader(header, value as string | string[])
  if (text !== '' && !outgoing.hasHeader('Content-Type')) outgoing.setHeader('Content-Type', 'application/json')
  outgoing.statusCode = response.status
  if (response.status !== 204) outgoing.setHeader('Content-Length', Buffer.byteLength(text))
  outgoing.end(method === 'HEAD' ? undefined : text)
}

/** The JSON of a request's body. @throws SyntaxError */
export const jsonBody = (request: Request): unknown => (request.text === '' ? undefined : JSON.parse(request.text))

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
