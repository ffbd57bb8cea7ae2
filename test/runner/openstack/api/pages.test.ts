import { describe, expect, test } from 'vitest'
import { allPages } from '../../../../runner/openstack/api/pages.ts'
import type { Session, SessionRequest } from '../../../../runner/openstack/api/session.ts'
import { failureOf } from '../files.ts'

/** A session whose answers depend on the path. */
const session = (answer: (path: string) => unknown) => {
  const asked: SessionRequest[] = []
  const fake = {
    request: async (_: string, request: SessionRequest) => {
      asked.push(request)
      return { status: 200, headers: {}, body: answer(request.path) }
    },
  } as unknown as Session
  return {
    asked,
    all: (key: string) =>
      allPages(fake, 'compute', { method: 'GET', path: '/servers', query: { all_tenants: 1 }, microversion: '2.96' }, key),
  }
}
const next = (marker: string, host = 'http://internal:8774') => [
  { rel: 'self', href: 'x' },
  { rel: 'next', href: `${host}/v2.1/servers?all_tenants=1&marker=${marker}` },
]

describe('allPages', () => {
  test('follows the link by its query only, with the same headers', async () => {
    const { all, asked } = session((path) =>
      path === '/servers'
        ? { servers: [{ id: 1 }, { id: 2 }], servers_links: next('2') }
        : path.endsWith('marker=2')
          ? { servers: [{ id: 3 }], servers_links: next('3') }
          : { servers: [] },
    )
    expect(await all('servers')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    expect(asked).toEqual([
      { method: 'GET', path: '/servers', query: { all_tenants: 1 }, microversion: '2.96' },
      { method: 'GET', path: '/servers?all_tenants=1&marker=2', microversion: '2.96' },
      { method: 'GET', path: '/servers?all_tenants=1&marker=3', microversion: '2.96' },
    ])
  })

  test('links of actions have no name before theirs', async () => {
    const { all } = session((path) => ({
      instanceActions: path === '/servers' ? [{ id: 1 }] : [{ id: 2 }],
      links: path === '/servers' ? next('1') : [],
    }))
    expect(await all('instanceActions')).toHaveLength(2)
  })

  test('an empty page ends, whatever it links to', async () => {
    const { all, asked } = session(() => ({ servers: [], servers_links: next('1') }))
    expect(await all('servers')).toEqual([])
    expect(asked).toHaveLength(1)
  })

  test.each([1, 2])('a circle of %i', async (length) => {
    let page = 0
    const { all } = session(() => ({ servers: [{ id: ++page }], servers_links: next(String(page % length)) }))
    expect(await failureOf(all('servers'))).toMatchObject({ message: 'compute lists /servers in a circle' })
  })

  test('an answer without the list', async () => {
    const { all } = session(() => ({ images: [] }))
    expect(await failureOf(all('servers'))).toMatchObject({ message: 'compute answered /servers without the list `servers`' })
  })
})
