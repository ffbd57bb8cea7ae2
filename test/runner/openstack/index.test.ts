/** A cloud opened from its name, and closed again. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { openCloud } from '../../../runner/openstack/index.ts'
import { authority } from './certificates.ts'
import { failureOf } from './files.ts'
import { deadPort } from './loopback.ts'
import { service, standIn } from './stand-in.ts'

describe('openCloud', () => {
  test('a cloud behind a private authority: named, it works; unnamed, the cure is told', async () => {
    const ca = authority('Company CA')
    const cloud = await standIn(
      { 'GET /compute/os-services': { services: [] } },
      { tls: ca.issue({ name: 'api', addresses: ['127.0.0.1'] }) },
    )
    const files = { '/etc/company.pem': ca.cert }
    expect(await (await cloud.open(['cacert: /etc/company.pem'], {}, files)).compute.services()).toEqual([])
    expect(await failureOf((await cloud.open()).token())).toMatchObject({
      kind: 'input',
      message: `no answer from ${cloud.url} to POST /identity/v3/auth/tokens`,
      help: 'name the file with the certificate of the authority as `cacert` in clouds.yaml (or OS_CACERT)',
    })
    const loose = await cloud.open(['verify: false'])
    expect(await loose.compute.services()).toEqual([])
    expect(loose.warnings).toHaveLength(1)
  })

  test('two regions and two interfaces: what is configured is called', async () => {
    const services = { services: [] }
    const cloud = await standIn(
      {
        'GET /south/os-services': services,
        'GET /southinternal/os-services': services,
        'GET /south/': { version: { id: 'v2.1', version: '2.60', min_version: '2.1' } },
        'GET /southinternal/': { version: { id: 'v2.1', version: '2.60', min_version: '2.1' } },
      },
      {
        catalog: (url) => [
          {
            type: 'compute',
            endpoints: [
              ['North', 'public', 'north'],
              ['South', 'public', 'south'],
              ['South', 'internal', 'southinternal'],
            ].flatMap(([region, face, name]) => service('compute', `${url}/${name}/v2.1`, region, face).endpoints),
          },
        ],
      },
    )
    await (await cloud.open(['region_name: South'])).compute.services()
    await (await cloud.open(['region_name: South', 'interface: internal'])).compute.services()
    expect(cloud.received.map(({ path }) => path).filter((path) => path.endsWith('os-services'))).toEqual([
      '/south/v2.1/os-services',
      '/southinternal/v2.1/os-services',
    ])
    expect((await failureOf((await cloud.open()).compute.services())).why).toBe('there are several regions: North, South')
  })

  test('a dead Keystone', async () => {
    const cloud = await standIn({})
    const files = {
      '/ops/clouds.yaml': `clouds: { lab: { auth: { auth_url: 'http://127.0.0.1:${await deadPort()}/v3', username: u, password: p, project_id: x } } }`,
    }
    expect(await failureOf((await cloud.open([], {}, files)).token())).toMatchObject({
      kind: 'unreachable',
      data: { trouble: 'refused', sent: false },
    })
    expect(cloud.waits).toEqual([500])
  })

  test('a proxy setting that cannot be used', async () => {
    const cloud = await standIn({})
    expect(await failureOf((await cloud.open([], { http_proxy: 'socks5://127.0.0.1:1' })).token())).toMatchObject({
      kind: 'input',
      message: 'the proxy in http_proxy cannot be used',
    })
  })

  test('stops when it is told to', async () => {
    const stop = new AbortController()
    const cloud = await standIn({ 'POST /identity/v3/auth/tokens': () => stop.abort(new Error('stopped by hand')) })
    const text = `clouds: { lab: { auth: { auth_url: '${cloud.url}/identity/v3', username: u, password: p, project_id: x } } }`
    const read = async (path: string) => (path === '/ops/clouds.yaml' ? new TextEncoder().encode(text) : undefined)
    const client = await openCloud('lab', {
      env: {},
      cwd: '/ops',
      read,
      now: Date.now,
      sleep: async () => {},
      signal: stop.signal,
    })
    expect((await failureOf(client.token())).message).toBe('stopped by hand')
    expect((await failureOf(client.token())).message).toBe('stopped by hand')
  })
})

test('no connection is left open', async () => {
  const cloud = await standIn({ 'GET /compute/os-services': { services: [] } })
  await (await cloud.open()).compute.services()
  await Promise.all(cloud.received.map(({ socket }) => socket.destroyed || once(socket, 'close')))
  expect(cloud.received).toHaveLength(3)
})
