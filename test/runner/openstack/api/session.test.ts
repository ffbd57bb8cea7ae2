/** Calls to services: retries, tokens, microversions. */
import { describe, expect, test } from 'vitest'
import { failureOf } from '../files.ts'
import { json } from '../loopback.ts'
import { service, standIn } from '../stand-in.ts'

const page = (status: number) => (_: unknown, response: any) =>
  void response.writeHead(status, { 'Content-Type': 'text/html' }).end('<html><title>Wrong place</title></html>')

describe('request', () => {
  test('query, body, headers and answer', async () => {
    const cloud = await standIn({
      'POST /network/v2.0/ports': (_, response) =>
        json(response, 201, { port: { id: 1 } }, { 'X-Openstack-Request-Id': 'req-1' }),
    })
    const client = await cloud.open()
    const answer = await client.request('network', {
      method: 'POST',
      path: '/v2.0/ports',
      query: { 'fields[]': 'id', none: undefined, n: 2, b: true },
      body: { port: {} },
    })
    expect(answer).toMatchObject({ status: 201, headers: { 'x-openstack-request-id': 'req-1' }, body: { port: { id: 1 } } })
    expect(cloud.received[1]).toMatchObject({
      path: '/network/v2.0/ports',
      body: { port: {} },
      headers: { accept: 'application/json', 'x-auth-token': 'secret-token-1' },
    })
    expect(Object.fromEntries(cloud.received[1]!.query)).toEqual({ 'fields[]': 'id', n: '2', b: 'true' })
    expect(cloud.received[1]!.headers['openstack-api-version']).toBeUndefined()
  })

  test('an empty body is none', async () => {
    const cloud = await standIn({ 'DELETE /network/v2.0/ports/1': [204, undefined] })
    expect((await (await cloud.open()).request('network', { method: 'DELETE', path: '/v2.0/ports/1' })).body).toBeUndefined()
  })

  test('an accepted status is an answer when it is the service that says so', async () => {
    const cloud = await standIn({
      'GET /network/a': [404, { NeutronError: { message: 'gone' } }],
      'GET /network/b': page(404),
      'GET /compute/nopes': [404, { message: 'The resource could not be found.', code: '404 Not Found' }],
    })
    const client = await cloud.open()
    const ask = (service: string, path: string, accept: number[]) => client.request(service, { method: 'GET', path, accept })
    expect((await ask('network', '/a', [404])).status).toBe(404)
    expect(await failureOf(ask('network', '/a', [409]))).toMatchObject({
      why: 'gone',
      data: { status: 404, service: 'network', method: 'GET', path: '/a' },
    })
    expect(await failureOf(ask('network', '/b', [404]))).toMatchObject({
      kind: 'input',
      why: 'it answered 404 with text/html: Wrong place',
    })
    expect(await failureOf(ask('compute', '/nopes', [404]))).toMatchObject({
      kind: 'input',
      message: `${cloud.url}/compute/v2.1/nopes did not answer like the compute service`,
    })
  })

  test('a page instead of an answer', async () => {
    const cloud = await standIn({ 'GET /network/a': page(200) })
    expect(await failureOf((await cloud.open()).request('network', { method: 'GET', path: '/a' }))).toMatchObject({
      kind: 'input',
      message: `${cloud.url}/network/a did not answer like the network service`,
    })
  })
})

describe('patience', () => {
  test('a read meets 429 with Retry-After, 503 twice, then its answer', async () => {
    const cloud = await standIn({
      'GET /compute/os-services': (_, response, count) =>
        count === 1
          ? json(response, 429, { overLimit: { message: 'slow down' } }, { 'Retry-After': '7' })
          : count < 4
            ? page(503)(_, response)
            : json(response, 200, { services: [] }),
    })
    expect(await (await cloud.open()).compute.services()).toEqual([])
    expect(cloud.waits).toEqual([7000, 1000, 2000])
  })

  test('a read whose connection is reset, and one that is cut off', async () => {
    const cloud = await standIn({
      'GET /compute/os-services': ({ socket }, response, count) => {
        if (count === 1) return void socket.resetAndDestroy()
        if (count > 2) return json(response, 200, { services: [] })
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '999' })
        response.write('{"services": [', () => socket.destroy())
      },
    })
    expect(await (await cloud.open()).compute.services()).toEqual([])
  })

  test('an action is never sent twice', async () => {
    const cloud = await standIn({
      'POST /compute/servers/1/action': ({ socket }) => void socket.resetAndDestroy(),
      'POST /compute/servers/2/action': (_, response) => json(response, 503, { serviceUnavailable: { message: 'busy' } }),
    })
    const client = await cloud.open()
    expect(await failureOf(client.compute.liveMigrate('1', { blockMigration: 'auto' }))).toMatchObject({
      kind: 'unreachable',
      data: { trouble: 'reset', sent: true },
    })
    expect(await failureOf(client.compute.liveMigrate('2', { blockMigration: 'auto' }))).toMatchObject({
      kind: 'unreachable',
      why: 'busy',
      data: { status: 503 },
    })
    expect(cloud.calls()).toEqual(['POST /servers/1/action', 'POST /servers/2/action'])
  })

  test('an action that only reads may be', async () => {
    const cloud = await standIn({
      'POST /compute/servers/1/action': ({ socket }, response, count) =>
        count === 1 ? void socket.resetAndDestroy() : json(response, 200, { output: 'login:' }),
    })
    expect(await (await cloud.open()).compute.consoleOutput('1', 5)).toBe('login:')
  })

  test('a slow read is given up after two', async () => {
    const cloud = await standIn({ 'GET /compute/os-services': () => {} }, { limits: { request: 100 } })
    expect(await failureOf((await cloud.open()).compute.services())).toMatchObject({
      kind: 'timeout',
      why: 'no answer within 0.1 s (tried 2 times)',
    })
    expect(cloud.calls()).toHaveLength(2)
  })
})

describe('microversions', () => {
  test('a call beyond the service names the release, and is not sent', async () => {
    const cloud = await standIn({}, { max: '2.79' })
    const failure = await failureOf((await cloud.open()).request('compute', { method: 'GET', path: '/x', microversion: '2.84' }))
    expect(failure).toMatchObject({
      message: "this cloud's compute service is too old for GET /x",
      why: 'it needs microversion 2.84 (OpenStack Ussuri or newer), and the service reaches 2.79 (Train)',
    })
    expect(cloud.calls()).toEqual([])
  })

  test('the range is asked for once, also by many at once', async () => {
    const cloud = await standIn({ 'GET /compute/os-services': { services: [] } })
    const client = await cloud.open()
    expect(await client.compute.versions()).toEqual({ min: '2.1', max: '2.96' })
    await Promise.all([client.compute.services(), client.compute.services()])
    expect(cloud.received.filter(({ path }) => path === '/compute/v2.1/')).toHaveLength(1)
  })

  test('a version document that cannot be read is asked for again with the next call', async () => {
    const cloud = await standIn({
      'GET /compute/': (_, response, count) =>
        count === 1
          ? page(200)(_, response)
          : json(response, 200, { version: { id: 'v2.1', version: '2.60', min_version: '2.1' } }),
    })
    const client = await cloud.open()
    expect(await failureOf(client.compute.versions())).toMatchObject({
      kind: 'input',
      message: `${cloud.url}/compute/v2.1/ did not answer like the compute service`,
    })
    expect(await client.compute.versions()).toEqual({ min: '2.1', max: '2.60' })
  })

  test.each([
    ['with a project id', '/compute/v2.1/p1', '/compute/v2.1/', '/compute/v2.1/p1/os-services'],
    ["Nova's root", '/compute', '/compute/v2.1/', '/compute/v2.1/os-services'],
  ])('an endpoint %s', async (_, path, document, call) => {
    const cloud = await standIn(
      { 'GET /compute/p1/os-services': { services: [] }, 'GET /compute/os-services': { services: [] } },
      { catalog: (url) => [service('compute', url + path)] },
    )
    expect(await (await cloud.open()).compute.services()).toEqual([])
    expect(cloud.received.map((request) => request.path)).toEqual(['/identity/v3/auth/tokens', document, call])
  })
})
