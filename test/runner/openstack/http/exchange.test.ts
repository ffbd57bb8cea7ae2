/** One request: the answer, or the reason for none and whether the server saw the request. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Dial, openDial } from '../../../../runner/openstack/http/dial.ts'
import { type ExchangeSettings, type HttpRequest, openExchange } from '../../../../runner/openstack/http/exchange.ts'
import { deadPort, serve, serveTcp } from '../loopback.ts'

/** Milliseconds that nothing here comes near: a slow machine is not a failed request. */
const LONG = 60_000
const PLAIN = { verify: true, ca: undefined, cert: undefined, key: undefined, timeout: LONG }

afterEach(() => void vi.useRealTimers())

const open = (settings: Partial<ExchangeSettings> = {}) => {
  const signal = settings.signal ?? new AbortController().signal
  const dial = openDial({ ...PLAIN, signal })
  return openExchange({ dial, proxyFor: () => undefined, timeout: LONG, signal, ...settings })
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
    let dialled = 0
    const seen: number[] = []
    const { url } = await serve(({ socket }, response) => {
      sockets.add(socket)
      if (held.push(response) < 16) return
      seen.push(dialled)
      for (const each of held.splice(0)) each.end('ok')
    })
    const dial = openDial({ ...PLAIN, signal: new AbortController().signal })
    const exchange = open({ dial: (to) => (dialled++, dial(to)) })
    const outcomes = await Promise.all(Array.from({ length: 48 }, () => exchange(get(url))))
    expect(outcomes.every(({ answer }) => answer?.text === 'ok')).toBe(true)
    expect(sockets.size).toBe(48)
    expect(seen).toEqual([16, 32, 48])
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
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const held: ServerResponse[] = []
    // Each batch takes most of the time that a request has.
    const { url } = await serve((_, response) => {
      if (held.push(response) < 16) return
      vi.advanceTimersByTime(LONG * 0.8)
      for (const each of held.splice(0)) each.end('ok')
    })
    const exchange = open()
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
    const stop = new AbortController()
    let underWay = 0
    const stopAtSixteen = () => ++underWay === 16 && stop.abort()
    const { url } = await serve(() => void stopAtSixteen())
    const { port } = await serveTcp((socket) => socket.once('data', stopAtSixteen))
    const exchange = open({ signal: stop.signal })
    const outcomes = await Promise.all([
      exchange(get(`https://127.0.0.1:${port}`)),
      ...Array.from({ length: 20 }, () => exchange(get(url))),
    ])
    expect(outcomes.filter(({ trouble }) => trouble?.sent)).toHaveLength(15)
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
