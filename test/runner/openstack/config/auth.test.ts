/** Every way to log in that clouds.yaml can hold. */
import { describe, expect, test } from 'vitest'
import { readAuth } from '../../../../runner/openstack/config/auth.ts'
import { parseTree } from '../../../../runner/openstack/config/clouds-file.ts'
import { type Table, underscored } from '../../../../runner/openstack/config/tree.ts'

const cloud = (text: string) => underscored(parseTree('clouds.yaml', text).tree!) as Table
const read = (text: string) => readAuth(cloud(text), false)
const auth = (text: string) => {
  const { auth: found, problems } = read(text)
  expect(problems).toEqual([])
  return found!
}
const login = 'auth_url: http://k/v3, username: u, password: p'
const passwordOf = (user: object) => ({ methods: ['password'], password: { user } })

describe('password', () => {
  test.each([
    ['domains by default', `{${login}, project_name: pr}`, { id: 'default' }, { name: 'pr', domain: { id: 'default' } }],
    [
      'domains by name',
      `{${login}, project_name: pr, user_domain_name: U, project_domain_name: P}`,
      { name: 'U' },
      { name: 'pr', domain: { name: 'P' } },
    ],
    [
      'domains by id',
      `{${login}, project_name: pr, user_domain_id: u, project_domain_id: p}`,
      { id: 'u' },
      { name: 'pr', domain: { id: 'p' } },
    ],
    ['one domain for both', `{${login}, project_name: pr, domain_name: D}`, { name: 'D' }, { name: 'pr', domain: { name: 'D' } }],
    [
      'one domain, but another for the user',
      `{${login}, project_name: pr, domain_name: D, user_domain_id: u}`,
      { id: 'u' },
      { name: 'pr', domain: { name: 'D' } },
    ],
    ['a default domain', `{${login}, project_name: pr, default_domain: dd}`, { id: 'dd' }, { name: 'pr', domain: { id: 'dd' } }],
    [
      'a default domain by name',
      `{${login}, project_name: pr, default_domain_name: DD}`,
      { name: 'DD' },
      { name: 'pr', domain: { name: 'DD' } },
    ],
    ['a tenant of old', `{${login}, tenant-name: pr}`, { id: 'default' }, { name: 'pr', domain: { id: 'default' } }],
    ['a project by id', `{${login}, project_id: 42}`, { id: 'default' }, { id: '42' }],
    [
      'both spellings of a project',
      `{${login}, tenant_name: old, project_name: new}`,
      { id: 'default' },
      { name: 'new', domain: { id: 'default' } },
    ],
  ])('%s', (_, text, domain, project) => {
    const found = auth(`auth: ${text}`)
    expect(found.identity).toEqual(passwordOf({ name: 'u', domain, password: 'p' }))
    expect(found.scope).toEqual({ project })
  })

  test('a user by id needs no domain', () => {
    expect(auth('auth: {auth_url: http://k, user_id: 7, password: 0123, project_id: x}').identity).toEqual(
      passwordOf({ id: '7', password: '0123' }),
    )
  })

  test('scopes: domain, system, trust, none', () => {
    expect(auth(`auth: {${login}, domain_name: D}`)).toMatchObject({
      scope: { domain: { name: 'D' } },
      who: 'user `u` of domain `default` in domain `D`',
    })
    expect(auth(`auth: {${login}, system_scope: all}`)).toMatchObject({
      scope: { system: { all: true } },
      who: 'user `u` of domain `default` in the system',
    })
    expect(auth(`auth: {${login}, trust_id: t}`).scope).toEqual({ 'OS-TRUST:trust': { id: 't' } })
    expect(auth(`auth: {${login}}`).scope).toBeUndefined()
  })

  test('settings beside `auth` count too: names of projects and domains win there, the others lose', () => {
    const found = auth(`{auth: {${login}, project_name: inner}, project_name: outer, username: outer, password: outer}`)
    expect(found.scope).toMatchObject({ project: { name: 'outer' } })
    expect(found.identity).toMatchObject(passwordOf({ name: 'u', password: 'p' }))
  })

  test.each(['password', 'v3password'])('auth_type %s', (type) => {
    expect(auth(`{auth_type: ${type}, auth: {${login}, project_id: x}}`).method).toBe('password')
  })
})

describe('token', () => {
  test.each(['{auth_type: token, ', '{auth_type: v3token, ', '{'])('%s', (start) => {
    expect(auth(`${start}auth: {auth_url: http://k, token: t0k, project_id: x}}`)).toEqual({
      url: 'http://k',
      method: 'token',
      identity: { methods: ['token'], token: { id: 't0k' } },
      scope: { project: { id: 'x' } },
      who: 'the token in project `x`',
    })
  })
})

describe('application credential', () => {
  const secret = 'application_credential_secret: s'
  test('by id, which brings its own scope', () => {
    const found = auth(
      `{auth_type: v3applicationcredential, auth: {auth_url: http://k, application_credential_id: i, ${secret}, project_name: ignored}}`,
    )
    expect(found).toMatchObject({
      identity: { methods: ['application_credential'], application_credential: { id: 'i', secret: 's' } },
      scope: undefined,
    })
    expect(found.who).toBe('application credential `i`')
  })
  test('by name and user', () => {
    expect(
      auth(`auth: {auth_url: http://k, application_credential_name: n, username: u, user_domain_name: U, ${secret}}`).identity,
    ).toEqual({
      methods: ['application_credential'],
      application_credential: { name: 'n', user: { name: 'u', domain: { name: 'U' } }, secret: 's' },
    })
  })
})

describe('problems', () => {
  test.each([
    [
      'nothing',
      'auth: {}',
      [
        'clouds.yaml:1:1: `auth` has no `auth_url`',
        'clouds.yaml:1:1: `auth` has no `username`',
        'clouds.yaml:1:1: `auth` has no `password` (it may stand in secure.yaml)',
      ],
    ],
    [
      'no secret of a credential',
      'auth: {auth_url: http://k, application_credential_name: n}',
      [
        'clouds.yaml:1:1: `auth` has no `username`',
        'clouds.yaml:1:1: `auth` has no `application_credential_secret` (it may stand in secure.yaml)',
      ],
    ],
    [
      'auth_type token without one',
      '{auth_type: token, auth: {auth_url: http://k}}',
      ['clouds.yaml:1:20: `auth` has no `token` (it may stand in secure.yaml)'],
    ],
    [
      'v2',
      `{auth_type: v2password, auth: {${login}}}`,
      [
        'clouds.yaml:1:2: auth_type `v2password` is not supported: Keystone v2 was removed from OpenStack in 2018: use `password` with an auth_url that ends in /v3',
      ],
    ],
    [
      'a v2 URL',
      `auth: {${login.replace('/v3', '/v2.0/')}}`,
      ['clouds.yaml:1:8: auth_url ends in /v2.0, and Keystone v2 was removed from OpenStack in 2018: end it with /v3'],
    ],
    [
      'the v2 API asked for',
      `{identity_api_version: 2.0, auth: {${login}}}`,
      ['clouds.yaml:1:2: identity_api_version 2.0: Keystone v2 was removed from OpenStack in 2018: use 3'],
    ],
    [
      'a password in the URL',
      'auth: {auth_url: "http://u:s3cret@k/v3", username: u, password: p}',
      ['clouds.yaml:1:8: auth_url must not hold a password: use `username` and `password`'],
    ],
    [
      'two scopes',
      `auth: {${login}, project_name: a, system_scope: all}`,
      ['clouds.yaml:1:1: give only one of project, domain, system_scope and trust_id; given are project `a`, the system'],
    ],
    [
      'words of daily life',
      `auth: {${login}, user: x, project: y}`,
      [
        'clouds.yaml:1:57: unknown key `user` in `auth`; did you mean `username`?',
        'clouds.yaml:1:66: unknown key `project` in `auth`; did you mean `project_name`?',
      ],
    ],
  ])('%s', (_, text, expected) => {
    expect(read(text)).toEqual({ auth: undefined, problems: expected })
  })

  test('keys that other programs use are left alone', () => {
    expect(read(`auth: {${login}, protocol: saml2, passcode_prompt: x}`).problems).toEqual([])
  })
})
