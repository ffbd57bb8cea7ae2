/** Ports of a host's network through real ssh connections. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectLocal } from '../../../runner/connection/local.ts'
import { freePort, startSshd } from './sshd.ts'
import { closedLater, refusal, server, ssh, useServer, works } from './ssh-setup.ts'

useServer()

/** A server that echoes each stream's bytes. */
let echo: Server
let port: number
const sockets = new Set<Socket>()
beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  port = (echo.address() as AddressInfo).port
})
afterAll(() => void echo.close())

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const closed = async (stream: Duplex): Promise<Error | undefined> => {
  let why: Error | undefined
  stream.on('error', (error) => (why = error))
  stream.resume()
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve))
  return why
}

describe.each([
  [
    'this machine',
    async () => closedLater(connectLocal({ name: 'server', kind: 'local', address: 'localhost' }, { env: process.env })),
  ],
  ['another by ssh', () => ssh(server.endpoint())],
])('a port of %s', (_where, connect) => {
  test('many streams at once, each with its own bytes, beside the commands of the connection', async () => {
    const connection = await connect()
    await Promise.all(
      Array.from({ length: 40 }, async (_none, index) => {
        const stream = await connection.forward(port, index % 2 === 0 ? undefined : 'localhost')
        const sent = randomBytes(300_000 + index)
        const received = buffer(stream)
        stream.end(sent)
        expect(digest(await received)).toBe(digest(sent))
      }),
    )
    await works(connection)
  })

  test('where nothing listens, and to a name that nobody has: an error, and the connection works on', async () => {
    const connection = await connect()
    const nobody = await freePort()
    expect(await refusal(connection.forward(nobody))).toMatchObject({
      kind: 'unreachable',
      message: `cannot reach 127.0.0.1 port ${nobody} from server`,
      why: expect.stringMatching(/refused/i),
    })
    expect(await refusal(connection.forward(80, 'no-such-name.invalid'))).toMatchObject({ kind: 'unreachable' })
    await works(connection)
  })

  test('streams end with the connection, and none is opened after that', async () => {
    const connection = await connect()
    const streams = await Promise.all([connection.forward(port), connection.forward(port)])
    const ends = Promise.all(streams.map(closed))
    await connection.close()
    expect(await ends).toEqual(Array(2).fill(expect.objectContaining({ message: 'the connection to server was closed' })))
    while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(await refusal(connection.forward(port))).toMatchObject({ message: 'the connection to server was closed' })
  })
})

test('a host that allows no forwarding says so', async () => {
  const strict = await startSshd({ config: ['AllowTcpForwarding no'] })
  try {
    const connection = await ssh(strict.endpoint())
    expect(await refusal(connection.forward(port))).toMatchObject({
      kind: 'unreachable',
      help: expect.stringContaining('AllowTcpForwarding'),
    })
    await works(connection)
    await connection.close()
  } finally {
    await strict.stop()
  }
})

test('a lost connection ends its streams with the reason', async () => {
  const mortal = await startSshd()
  const connection = await ssh(mortal.endpoint())
  const end = closed(await connection.forward(port))
  mortal.crash()
  expect(await end).toMatchObject({ message: 'the connection to server was lost' })
  await mortal.stop()
})
