/** Keystone. */
import { expect } from 'vitest'
import { passwordBody } from './subject.ts'
import type { Expectation, Subject } from './subject.ts'

const enter = (cloud: Subject, body: unknown) => cloud.stranger.ask('identity', '/auth/tokens', { method: 'POST', body })

const unauthorized = {
  error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
}

export const identity: readonly Expectation[] = [
  {
    name: 'its root offers v3 with status 300, v3 itself with 200',
    async check(cloud) {
      const root = await cloud.stranger.ask('identity', '//')
      expect(root.status).toBe(300)
      expect(root.body.versions.values[0]).toMatchObject({
        status: 'stable',
        links: [{ rel: 'self', href: expect.stringMatching(/\/v3\/$/) }],
      })
      const v3 = await cloud.stranger.ask('identity', '//v3')
      expect([v3.status, v3.body.version.id]).toEqual([200, root.body.versions.values[0].id])
    },
  },
  {
    name: 'a wrong password, an unknown user and an unknown project are refused in the same words',
    async check(cloud) {
      for (const wrong of [{ password: 'wrong' }, { user: 'nobody-at-all' }, { project: 'nowhere' }]) {
        const reply = await enter(cloud, passwordBody({ ...cloud.login, ...wrong }))
        expect([reply.status, reply.body]).toEqual([401, unauthorized])
        expect(reply.headers.get('WWW-Authenticate')).toMatch(/^Keystone uri="http/)
      }
    },
  },
  {
    name: 'a body without auth is a bad request',
    async check(cloud) {
      const reply = await enter(cloud, { auth: {} })
      expect(reply.status).toBe(400)
      expect(reply.body.error).toMatchObject({ code: 400, title: 'Bad Request' })
    },
  },
  {
    name: 'a scoped token has project, roles and a catalogue with compute and placement in one region',
    async check(cloud) {
      const { status, body, headers } = await enter(cloud, passwordBody(cloud.login))
      expect(status).toBe(201)
      expect(headers.get('X-Subject-Token')).toMatch(/^gAAAA/)
      expect(body.token.methods).toEqual(['password'])
      expect(body.token.project.name).toBe(cloud.login.project)
      expect(body.token.roles.map((role: any) => role.name)).toContain('admin')
      expect(Date.parse(body.token.expires_at)).toBeGreaterThan(Date.parse(body.token.issued_at))
      for (const type of ['compute', 'placement']) {
        const entry = body.token.catalog.find((one: any) => one.type === type)
        expect(entry.endpoints.map((endpoint: any) => endpoint.interface).sort()).toEqual(['admin', 'internal', 'public'])
        expect(Object.keys(entry.endpoints[0]).sort()).toEqual(['id', 'interface', 'region', 'region_id', 'url'])
      }
    },
  },
  {
    name: 'an unscoped token has neither project nor roles nor catalogue',
    async check(cloud) {
      const { status, body } = await enter(cloud, passwordBody(cloud.login, false))
      expect(status).toBe(201)
      expect(Object.keys(body.token).sort()).toEqual(['audit_ids', 'expires_at', 'issued_at', 'methods', 'user'])
    },
  },
  {
    name: 'a token buys another one for the same time, no more',
    async check(cloud) {
      const first = await enter(cloud, passwordBody(cloud.login, false))
      const id = first.headers.get('X-Subject-Token')
      const scope = { project: { name: cloud.login.project, domain: { id: 'default' } } }
      const second = await enter(cloud, { auth: { identity: { methods: ['token'], token: { id } }, scope } })
      expect(second.status).toBe(201)
      expect(second.body.token.expires_at).toBe(first.body.token.expires_at)
      // In no order of its own: Keystone keeps them in a Python set (keystone/api/_shared/authentication.py, Zed).
      expect(second.body.token.methods.toSorted()).toEqual(['password', 'token'])
    },
  },
  {
    name: 'a token tells about itself, until it is revoked',
    async check(cloud) {
      const granted = await enter(cloud, passwordBody(cloud.login))
      const token = granted.headers.get('X-Subject-Token') ?? ''
      const headers = { 'X-Auth-Token': token, 'X-Subject-Token': token }
      const told = await cloud.stranger.ask('identity', '/auth/tokens', { headers })
      expect([told.status, told.body.token.user]).toEqual([200, granted.body.token.user])
      expect((await cloud.stranger.ask('identity', '/auth/tokens', { method: 'DELETE', headers })).status).toBe(204)
      const refused = await cloud.stranger.ask('compute', '/servers', { headers: { 'X-Auth-Token': token } })
      expect([refused.status, refused.body]).toEqual([
        401,
        { error: { code: 401, title: 'Unauthorized', message: unauthorized.error.message } },
      ])
    },
  },
]
