/** HTTP and TCP servers on loopback for tests of the clients. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface Received {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: any
  readonly socket: Socket
}

export interface Loopback {
  /** Without a trailing slash. */
  readonly url: string
  readonly port: number
  readonly received: Received[]
}

export type Handler = (request: Received, response: ServerResponse, count: number) => void | Promise<void>

/** A real HTTP server on loopback for one test, which records its requests. */
export const serve = async (handler: Handler, tls?: TlsOptions): Promise<Loopback> => {
  const received: Received[] = []
  const listener: RequestListener = (incoming, response) => {
    void collect(incoming).then((request) => {
      received.push(request)
      return handler(request, response, received.length)
    })
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  const port = await listen(server)
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, port, received }
}

/** A TCP server on loopback with a test's handler for each connection. */
export const serveTcp = async (onConnection: (socket: Socket) => void): Promise<{ readonly port: number }> => ({
  port: await listen(createTcpServer((socket) => onConnection(socket.on('error', () => {})))),
})

const listen = async (server: Server | TcpServer): Promise<number> => {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    sockets.forEach((socket) => socket.destroy())
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** A port that nobody listens on. */
export const deadPort = async (): Promise<number> => {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const collect = async (incoming: IncomingMessage): Promise<Received> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const url = new URL(incoming.url ?? '/', 'http://x')
  const text = Buffer.concat(chunks).toString()
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers as Received['headers'],
    body: text === '' ? undefined : incoming.headers['content-type'] === 'application/json' ? JSON.parse(text) : text,
    socket: incoming.socket,
  }
}

export const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void => {
  response
    .writeHead(status, { 'Content-Type': 'application/json', ...headers })
    .end(body === undefined ? '' : JSON.stringify(body))
}
