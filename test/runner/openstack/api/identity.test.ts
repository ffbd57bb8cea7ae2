/** Logins to Keystone, tokens that expire, a Keystone in trouble. */
import { describe, expect, test } from 'vitest'
import { openIdentity } from '../../../../runner/openstack/api/identity.ts'
import { failureOf } from '../files.ts'
import { json } from '../loopback.ts'
import { standIn } from '../stand-in.ts'

const services = { 'GET /compute/os-services': { services: [] } }
const hour = 3_600_000

describe('logging in', () => {
  test('what is sent, and what is told without the secret', async () => {
    const cloud = await standIn(services)
    const client = await cloud.open()
    expect(await client.token()).toEqual({
      user: { id: 'u1', name: 'admin' },
      project: { id: 'p1', name: 'admin' },
      roles: ['admin'],
      expiresAt: '2026-01-01T01:00:00.000000Z',
    })
    expect(cloud.logins[0]!.body).toEqual({
      auth: {
        identity: { methods: ['password'], password: { user: { name: 'admin', domain: { id: 'default' }, password: 's3cret' } } },
        scope: { project: { name: 'admin', domain: { id: 'default' } } },
      },
    })
  })

  test('once for many calls, and once for many at the same time', async () => {
    const cloud = await standIn(services)
    const client = await cloud.open()
    await Promise.all(Array.from({ length: 10 }, () => client.compute.services()))
    await client.compute.services()
    expect(cloud.logins).toHaveLength(1)
    expect(cloud.calls()).toHaveLength(11)
  })

  test('nothing is sent before the first call', async () => {
    const cloud = await standIn({})
    await cloud.open()
    expect(cloud.received).toEqual([])
  })

  test('is sent again when Keystone is busy', async () => {
    const cloud = await standIn({
      'POST /identity/v3/auth/tokens': (_, response, count) =>
        count < 3 ? json(response, 503, { error: { message: 'busy' } }) : json(response, 401, { error: { message: 'no' } }),
    })
    expect((await failureOf((await cloud.open()).token())).why).toBe('no (401)')
    expect(cloud.waits).toEqual([500, 1000])
  })
})

describe('a token that ends', () => {
  test('is replaced before its end', async () => {
    const cloud = await standIn(services)
    const client = await cloud.open()
    await client.compute.services()
    cloud.advance(hour - 121_000)
    await client.compute.services()
    expect(cloud.logins).toHaveLength(1)
    cloud.advance(2_000)
    await Promise.all([client.compute.services(), client.compute.services()])
    expect(cloud.logins).toHaveLength(2)
  })

  test.each([-5 * hour, 5 * hour])('counts by its length of life: Keystone is %i ms ahead', async (skew) => {
    const cloud = await standIn(services, { skew })
    const client = await cloud.open()
    await client.compute.services()
    cloud.advance(hour / 2)
    await client.compute.services()
    expect(cloud.logins).toHaveLength(1)
    cloud.advance(hour / 2)
    await client.compute.services()
    expect(cloud.logins).toHaveLength(2)
  })

  test('a short one is not replaced with every call', async () => {
    const cloud = await standIn(services, { life: 60_000 })
    const client = await cloud.open()
    await client.compute.services()
    cloud.advance(50_000)
    await client.compute.services()
    expect(cloud.logins).toHaveLength(1)
  })

  test('one that is revoked is replaced once, for all who met the refusal, and the calls go on', async () => {
    const cloud = await standIn({ ...services, 'POST /compute/servers/1/action': [202, undefined] })
    const client = await cloud.open()
    await client.compute.services()
    cloud.revoke()
    await Promise.all([...Array.from({ length: 5 }, () => client.compute.services()), client.compute.action('1', { reboot: {} })])
    expect(cloud.logins).toHaveLength(2)
  })

  test('one that was replaced while a refusal was under way is not replaced again', async () => {
    const tokens = ['one', 'two', 'three']
    const http = async () => ({
      status: 201,
      headers: { 'x-subject-token': tokens.shift()! },
      text: JSON.stringify({ token: { user: { id: 'u' }, expires_at: '2030-01-01T00:00:00Z', catalog: [] } }),
    })
    const auth = { url: 'http://k/v3', method: 'password', identity: {}, scope: undefined, who: 'u' } as const
    const identity = openIdentity({ auth, where: '', http, now: () => 0 })
    const stale = await identity.login()
    expect((await identity.renew(stale)).secret).toBe('two')
    expect((await identity.renew(stale)).secret).toBe('two')
    expect((await identity.login()).secret).toBe('two')
  })

  test('a service that refuses the new one as well is believed', async () => {
    const refusal = [401, { error: { code: 401, message: 'The request you have made requires authentication.' } }] as const
    const cloud = await standIn({ 'GET /compute/os-services': refusal })
    const failure = await failureOf((await cloud.open()).compute.services())
    expect(failure).toMatchObject({ kind: 'input', message: 'compute refused GET /os-services (401)', data: { status: 401 } })
    expect(cloud.logins).toHaveLength(2)
  })

  test('a token by auth_type token cannot be replaced', async () => {
    const cloud = await standIn({
      ...services,
      'POST /identity/v3/auth/tokens': (request, response) =>
        json(
          response,
          401,
          { error: { message: `The request you have made requires authentication.` } },
          { 'x-openstack-request-id': 'req-9' },
        ),
    })
    const client = await cloud.open(['auth_type: token', 'token: t0ps3cret'])
    const failure = await failureOf(client.compute.services())
    expect(failure.message).toBe(`Keystone at ${cloud.url}/identity/v3 did not accept the token in project \`admin\``)
    expect(failure.help).toBe('a token lives for some hours only: get a new one of the cloud at clouds.yaml:2:3')
    expect(JSON.stringify({ ...failure })).not.toContain('t0ps3cret')
  })
})

describe('a login that is refused', () => {
  test('says who, why and where to look, and never the password', async () => {
    const cloud = await standIn({
      'POST /identity/v3/auth/tokens': (request, response) =>
        json(
          response,
          401,
          { error: { code: 401, message: `The request you have made requires authentication.` } },
          { 'x-openstack-request-id': 'req-7' },
        ),
    })
    const failure = await failureOf((await cloud.open()).token())
    expect(failure).toMatchObject({
      kind: 'input',
      message: `Keystone at ${cloud.url}/identity/v3 did not accept user \`admin\` of domain \`default\` in project \`admin\``,
      why: 'The request you have made requires authentication. (401, request req-7)',
      help: 'check username, password, user_domain_name, project_name and project_domain_name of the cloud at clouds.yaml:2:3',
      data: { status: 401, service: 'identity' },
    })
    expect(JSON.stringify({ ...failure, stack: failure.stack })).not.toContain('s3cret')
  })

  test('with a schema error that repeats the password', async () => {
    const cloud = await standIn({
      'POST /identity/v3/auth/tokens': (request, response) =>
        json(response, 400, {
          error: {
            code: 400,
            message: `'domain' is a required property\n\nFailed validating 'required' in schema:\n\nOn instance:\n ${JSON.stringify(request.body)}`,
          },
        }),
    })
    expect((await failureOf((await cloud.open()).token())).why).toBe("'domain' is a required property (400)")
  })

  test('is tried again with the next call', async () => {
    const cloud = await standIn({
      'POST /identity/v3/auth/tokens': (_, response) => json(response, 401, { error: { message: 'no' } }),
    })
    const client = await cloud.open()
    await failureOf(client.token())
    await failureOf(client.token())
    expect(cloud.received).toHaveLength(2)
  })

  test('a token without a catalogue', async () => {
    const cloud = await standIn({
      'POST /identity/v3/auth/tokens': (_, response) =>
        json(response, 201, { token: { user: { id: 'u' }, expires_at: '2026-01-01T01:00:00Z' } }, { 'X-Subject-Token': 't' }),
    })
    expect(await failureOf((await cloud.open()).token())).toMatchObject({
      kind: 'input',
      message: 'user `admin` of domain `default` in project `admin` logged in to no project',
      help: 'add project_name (and project_domain_name) to the cloud at clouds.yaml:2:3',
    })
  })

  test.each([
    [
      'a page',
      (_: unknown, response: any) => void response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>Horizon</title>'),
      'it answered 200 with text/html: Horizon',
    ],
    [
      'no token in the header',
      (_: unknown, response: any) => json(response, 201, { token: {} }),
      /^it answered 201 with application\/json/,
    ],
    [
      'a redirect',
      (_: unknown, response: any) => void response.writeHead(301, { Location: 'https://other/v3/auth/tokens' }).end(),
      'it answered 301 and points to https://other/v3/auth/tokens',
    ],
  ])('%s', async (_, route, why) => {
    const cloud = await standIn({ 'POST /identity/v3/auth/tokens': route })
    const failure = await failureOf((await cloud.open()).token())
    expect(failure).toMatchObject({
      kind: 'input',
      message: `Keystone not found at ${cloud.url}/identity/v3`,
      help: 'correct auth_url of the cloud at clouds.yaml:2:3; it often ends in /v3 or /identity',
    })
    expect(failure.why).toMatch(why)
  })
})

describe('a Keystone that is down or overloaded is no wrong auth_url', () => {
  const page = '<html><head><title>502 Bad Gateway</title></head></html>'
  const overloaded = (_: unknown, response: any) =>
    void response.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '7' }).end('{}')
  const badGateway = (_: unknown, response: any) => void response.writeHead(502, { 'Content-Type': 'text/html' }).end(page)

  test.each([
    ['overloaded, to the login', '/identity/v3', 'POST /identity/v3/auth/tokens', overloaded, 503, /^run again after 7 s/],
    [
      'a gateway alone, to the login',
      '/identity/v3',
      'POST /identity/v3/auth/tokens',
      badGateway,
      502,
      /load balancer has no working identity/,
    ],
    ['overloaded, to the list of versions', '/identity', 'GET /identity/', overloaded, 503, /^run again after 7 s/],
    ['a gateway alone, to the list of versions', '/identity', 'GET /identity/', badGateway, 502, /load balancer has no working/],
  ])('%s', async (_, path, route, answer, status, help) => {
    const cloud = await standIn({ [route]: answer })
    const auth = `auth: { auth_url: '${cloud.url}${path}', username: admin, password: s3cret, project_name: admin }`
    const client = await cloud.open([], {}, { '/ops/clouds.yaml': `clouds:\n  lab:\n    ${auth}\n` })
    const failure = await failureOf(client.token())
    expect(failure).toMatchObject({ kind: 'unreachable', help: expect.stringMatching(help), data: { status } })
    expect(failure.message).toMatch(/did not answer like the identity service$/)
  })
})

describe('finding v3 below an auth_url without it', () => {
  const versions = (href: string) => (_: unknown, response: any) =>
    json(
      response,
      300,
      {
        versions: {
          values: [
            { id: 'v2.0', links: [] },
            { id: 'v3.14', status: 'stable', links: [{ rel: 'self', href }] },
          ],
        },
      },
      { Location: href },
    )
  const open = (cloud: { url: string }, path: string) => [
    `auth: { auth_url: '${cloud.url}${path}', username: admin, password: s3cret, project_name: admin }`,
  ]
  const openAt = async (route: Parameters<typeof standIn>[0], path: string) => {
    const cloud = await standIn(route)
    const text = `clouds:\n  lab:\n    ${open(cloud, path)[0]}\n`
    return { cloud, client: await cloud.open([], {}, { '/ops/clouds.yaml': text }) }
  }

  test('by the list of versions; its host does not count', async () => {
    const { cloud, client } = await openAt({ 'GET /identity/': versions('http://evil.example/identity/v3/') }, '/identity')
    await client.token()
    await client.compute.services().catch(() => undefined)
    expect(cloud.received.map(({ method, path }) => `${method} ${path}`).slice(0, 2)).toEqual([
      'GET /identity/',
      'POST /identity/v3/auth/tokens',
    ])
  })

  test('where Keystone does not know the prefix its proxy gives it', async () => {
    const { client } = await openAt({ 'GET /identity/': versions('http://127.0.0.1:5000/v3/') }, '/identity')
    expect((await client.token()).user.name).toBe('admin')
  })

  test('a Keystone with v2 only', async () => {
    const { client } = await openAt({ 'GET /identity/': { versions: { values: [{ id: 'v2.0' }] } } }, '/identity')
    expect(await failureOf(client.token())).toMatchObject({ kind: 'input', why: 'it offers v2.0' })
  })

  test('something else', async () => {
    const { cloud, client } = await openAt(
      {
        'GET /identity/': (_, response) =>
          void response.writeHead(404, { 'Content-Type': 'text/html' }).end('<title>nginx</title>'),
      },
      '/identity',
    )
    expect(await failureOf(client.token())).toMatchObject({
      kind: 'input',
      message: `Keystone not found at ${cloud.url}/identity`,
      why: 'it answered 404 with text/html: nginx',
    })
    await failureOf(client.token())
    expect(cloud.received).toHaveLength(2)
  })
})
