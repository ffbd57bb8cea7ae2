/** One request: the answer, or the reason for none and whether the server saw the request. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type Dial, openDial } from '../../../../runner/openstack/http/dial.ts'
import { type ExchangeSettings, type HttpRequest, openExchange } from '../../../../runner/openstack/http/exchange.ts'
import { deadPort, serve, serveTcp } from '../loopback.ts'

const open = (settings: Partial<ExchangeSettings> & { connect?: number } = {}) => {
  const signal = settings.signal ?? new AbortController().signal
  const dial = openDial({
    verify: true,
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: settings.connect ?? 5_000,
    signal,
  })
  return openExchange({ dial, proxyFor: () => undefined, timeout: 5_000, signal, ...settings })
}
const get = (url: string): HttpRequest => ({ method: 'GET', url, headers: {}, repeatable: true })
const post = (url: string, body: string): HttpRequest => ({ method: 'POST', url, headers: {}, body, repeatable: false })

describe('an answer', () => {
  test('its status, headers in lower case, and text', async () => {
    const { url, received } = await serve((_, response) => {
      response.writeHead(201, { 'X-Subject-Token': 'T' })
      const bytes = Buffer.from('grüße')
      response.write(bytes.subarray(0, 3))
      setImmediate(() => response.end(bytes.subarray(3)))
    })
    const { answer } = await open()({ ...post(`${url}/p?q=1`, 'körper'), headers: { 'X-A': 'b' } })
    expect(answer).toMatchObject({ status: 201, headers: { 'x-subject-token': 'T' }, text: 'grüße' })
    expect(received[0]).toMatchObject({
      method: 'POST',
      path: '/p',
      headers: { 'x-a': 'b', 'content-length': '7', connection: 'close' },
      body: 'körper',
    })
  })

  test('each comes over a connection of its own, sixteen at a time', async () => {
    const sockets = new Set<Socket>()
    const held: ServerResponse[] = []
    const batches: number[] = []
    const { url } = await serve(({ socket }, response) => {
      sockets.add(socket)
      // Leaves time for a seventeenth request.
      if (held.push(response) === 16)
        setTimeout(() => held.splice(0).forEach((each, _, all) => each.end('ok', () => batches.push(all.length))), 50)
    })
    const exchange = open()
    const outcomes = await Promise.all(Array.from({ length: 48 }, () => exchange(get(url))))
    expect(outcomes.every(({ answer }) => answer?.text === 'ok')).toBe(true)
    expect(sockets.size).toBe(48)
    expect(batches).toEqual(Array.from({ length: 48 }, () => 16))
  })
})

describe('no answer', () => {
  test('nobody listens', async () => {
    const { trouble } = await open()(post(`http://127.0.0.1:${await deadPort()}`, 'x'))
    expect(trouble).toMatchObject({ kind: 'refused', sent: false })
  })

  test.each([
    ['ENOTFOUND', 'name'],
    ['EAI_AGAIN', 'name'],
    ['EHOSTUNREACH', 'refused'],
    ['ETIMEDOUT', 'connect-timeout'],
    ['ECONNRESET', 'reset'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls'],
  ])('a connection that fails with %s was never sent over: %s', async (code, kind) => {
    const dial: Dial = async () => {
      throw Object.assign(new Error(code), { code })
    }
    const { trouble } = await open({ dial })(post('http://x', ''))
    expect(trouble).toMatchObject({ kind, sent: false })
  })

  test('a mistake of this program is no trouble of the network', async () => {
    const dial: Dial = async () => {
      throw new TypeError('oops')
    }
    await expect(open({ dial })(get('http://x'))).rejects.toThrow('oops')
  })

  test('a server that never answers', async () => {
    const { url } = await serve(() => {})
    const { trouble } = await open({ timeout: 100 })(get(url))
    expect(trouble).toMatchObject({ kind: 'timeout', sent: true, error: { message: 'no answer within 0.1 s' } })
  })

  test('a server that dribbles for ever', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 10)
      response.once('close', () => clearInterval(timer))
    })
    expect((await open({ timeout: 150 })(get(url))).trouble).toMatchObject({ kind: 'timeout', sent: true })
  })

  test('the time limit does not run while a request waits for its turn', async () => {
    const { url } = await serve((_, response) => void setTimeout(() => response.end('ok'), 700))
    const exchange = open({ timeout: 1_500 })
    const outcomes = await Promise.all(Array.from({ length: 16 * 3 }, () => exchange(get(url))))
    expect(outcomes.filter(({ answer }) => answer)).toHaveLength(48)
  })

  test('a connection that is reset', async () => {
    const { url } = await serve(({ socket }) => void socket.resetAndDestroy())
    expect((await open()(get(url))).trouble).toMatchObject({ kind: 'reset', sent: true })
  })

  test('a body that is cut off', async () => {
    const { url } = await serve(({ socket }, response) => {
      response.writeHead(200, { 'Content-Length': '100' })
      response.write('{"servers": [', () => socket.destroy())
    })
    expect((await open()(get(url))).trouble).toMatchObject({ kind: 'reset', sent: true })
  })

  test('chunks that are cut off', async () => {
    const { url } = await serve(({ socket }, response) => {
      response.writeHead(200)
      response.write('{"servers": [', () => socket.end())
    })
    expect((await open()(get(url))).trouble).toMatchObject({ kind: 'reset', sent: true })
  })

  test('something that is no HTTP', async () => {
    const { port } = await serveTcp((socket) => socket.end('SSH-2.0-OpenSSH_9.2p1\r\n'))
    expect((await open()(get(`http://127.0.0.1:${port}`))).trouble).toMatchObject({ kind: 'protocol', sent: true })
  })

  test('an abort ends a request that hangs, one that connects, and one that waits', async () => {
    const { url } = await serve(() => {})
    const { port } = await serveTcp(() => {})
    const stop = new AbortController()
    const exchange = open({ signal: stop.signal })
    const pending = Promise.all([
      ...Array.from({ length: 20 }, () => exchange(get(url))),
      exchange(get(`https://127.0.0.1:${port}`)),
    ])
    setTimeout(() => stop.abort(), 50)
    const outcomes = await pending
    expect(new Set(outcomes.map(({ trouble }) => trouble?.kind))).toEqual(new Set(['aborted']))
  })
})

describe('an HTTP proxy', () => {
  test('gets the whole URL, and its login', async () => {
    const { port, received } = await serve((request, response) => void response.end(`for ${request.headers['host']}`))
    const exchange = open({ proxyFor: () => new URL(`http://us%40er:p%3Aw@127.0.0.1:${port}`) })
    const { answer } = await exchange(get('http://nova.example:8774/v2.1?x=1'))
    expect(answer?.text).toBe('for nova.example:8774')
    expect(received[0]!.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('us@er:p:w').toString('base64')}`)
    expect(received[0]!.path).toBe('/v2.1')
  })

  test('wrong settings of it are thrown', async () => {
    const proxyFor = () => {
      throw new Error('wrong proxy')
    }
    await expect(open({ proxyFor })(get('http://x'))).rejects.toThrow('wrong proxy')
  })
})
