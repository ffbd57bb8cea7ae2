/** Reads `auth` and `auth_type` of a cloud into what Keystone is sent. Called by config.ts. */
import { nearest, suggestion } from '../../base/suggest.ts'
import { type Table, type Text, table, tableAt, textAt } from './tree.ts'

/** A login to Keystone v3 in the form of the request. Holds the secret: never print an `Auth`. */
export interface Auth {
  /** As configured, without a trailing slash. */
  readonly url: string
  readonly method: 'password' | 'token' | 'application_credential'
  readonly identity: Readonly<Record<string, unknown>>
  /** undefined for an application credential, which has a scope of its own. */
  readonly scope: Readonly<Record<string, unknown>> | undefined
  /** The user in words, without the secret: user `admin` of domain `default` in project `admin`. */
  readonly who: string
}

/**
 * Names in openstacksdk's order of precedence: the last name given wins, and outside `auth:` beats inside
 * (`_fix_backwards_auth`).
 */
const RENAMED: Readonly<Record<string, readonly string[]>> = {
  project_id: ['tenant_id', 'project_id'],
  project_name: ['tenant_name', 'project_name'],
  domain_id: ['domain_id'],
  domain_name: ['domain_name'],
  user_domain_id: ['user_domain_id'],
  user_domain_name: ['user_domain_name'],
  project_domain_id: ['project_domain_id'],
  project_domain_name: ['project_domain_name'],
  token: ['auth_token', 'token'],
}
/** Names for which a value inside `auth:` wins (`_validate_auth`). */
const PLAIN: Readonly<Record<string, readonly string[]>> = {
  auth_url: ['auth_url'],
  username: ['username', 'user_name'],
  user_id: ['user_id'],
  password: ['password'],
  application_credential_id: ['application_credential_id'],
  application_credential_name: ['application_credential_name'],
  application_credential_secret: ['application_credential_secret'],
  system_scope: ['system_scope'],
  trust_id: ['trust_id'],
  default_domain: ['default_domain'],
  default_domain_id: ['default_domain_id'],
  default_domain_name: ['default_domain_name'],
}
const KNOWN = [...Object.values(RENAMED), ...Object.values(PLAIN)].flat()
/** Common wrong keys whose spelling is near to no known one. */
const MEANT: Readonly<Record<string, string>> = {
  user: 'username',
  project: 'project_name',
  tenant: 'project_name',
  url: 'auth_url',
  domain: 'user_domain_name',
}

const TYPES: Readonly<Record<string, Auth['method']>> = {
  password: 'password',
  v3password: 'password',
  token: 'token',
  v3token: 'token',
  v3applicationcredential: 'application_credential',
}

type Given = Readonly<Record<string, Text | undefined>>

const gather = (cloud: Table): Given => {
  const inside = tableAt(cloud, 'auth') ?? table(cloud.where)
  const last = (from: Table, names: readonly string[]) =>
    names.map((name) => textAt(from, name)).findLast((value) => value !== undefined)
  return Object.fromEntries([
    ...Object.entries(RENAMED).map(([name, names]) => [name, last(cloud, names) ?? last(inside, names)] as const),
    ...Object.entries(PLAIN).map(([name, names]) => [name, last(inside, names) ?? last(cloud, names)] as const),
  ])
}

const typos = (cloud: Table): string[] =>
  [...(tableAt(cloud, 'auth')?.entries ?? [])]
    .filter(([key]) => !KNOWN.includes(key))
    .flatMap(([key, { where }]) => {
      const meant = MEANT[key] ?? nearest(key, KNOWN)
      return meant === undefined ? [] : [`${where}: unknown key \`${key}\` in \`auth\`; did you mean \`${meant}\`?`]
    })

/** The problem of a missing setting, at the place where the setting belongs; or the variable to export. */
const missing = (cloud: Table, fromEnvironment: boolean, name: string): string =>
  fromEnvironment
    ? `the environment: OS_${name.toUpperCase()} is not set`
    : `${(tableAt(cloud, 'auth') ?? cloud).where}: \`auth\` has no \`${name}\`${/password|secret|token/.test(name) ? ' (it may stand in secure.yaml)' : ''}`

/** Keystone's reference to a domain: by id, by name, or by the default of OpenStack clients. */
const domain = (id: Text | undefined, name: Text | undefined, given: Given): Readonly<Record<string, string>> => {
  if (id) return { id: id.text }
  if (name) return { name: name.text }
  const fallback = given['default_domain_id'] ?? given['default_domain']
  if (fallback) return { id: fallback.text }
  return given['default_domain_name'] ? { name: given['default_domain_name'].text } : { id: 'default' }
}
const named = (reference: Readonly<Record<string, string>>): string => reference['name'] ?? reference['id'] ?? ''

/**
 * openstacksdk's `_handle_domain_id`: with a project, a bare `domain_*` is only a default for the domains of user and
 * project.
 */
const withDomains = (given: Given): Given => {
  if (!given['project_id'] && !given['project_name']) return given
  const spread = (kind: 'id' | 'name', owner: 'user' | 'project') =>
    given[`${owner}_domain_id`] || given[`${owner}_domain_name`] ? given[`${owner}_domain_${kind}`] : given[`domain_${kind}`]
  return {
    ...given,
    user_domain_id: spread('id', 'user'),
    user_domain_name: spread('name', 'user'),
    project_domain_id: spread('id', 'project'),
    project_domain_name: spread('name', 'project'),
    domain_id: undefined,
    domain_name: undefined,
  }
}

const user = (given: Given): { readonly reference: Readonly<Record<string, unknown>>; readonly words: string } => {
  if (given['user_id']) return { reference: { id: given['user_id'].text }, words: `user \`${given['user_id'].text}\`` }
  const home = domain(given['user_domain_id'], given['user_domain_name'], given)
  const name = given['username']?.text ?? ''
  return { reference: { name, domain: home }, words: `user \`${name}\` of domain \`${named(home)}\`` }
}

interface Scope {
  readonly body: Readonly<Record<string, unknown>>
  readonly words: string
}
const scopes = (given: Given): readonly Scope[] => {
  const project = given['project_id']
    ? { body: { project: { id: given['project_id'].text } }, words: `project \`${given['project_id'].text}\`` }
    : given['project_name'] && {
        body: {
          project: {
            name: given['project_name'].text,
            domain: domain(given['project_domain_id'], given['project_domain_name'], given),
          },
        },
        words: `project \`${given['project_name'].text}\``,
      }
  const home = given['domain_id'] ? { id: given['domain_id'].text } : given['domain_name'] && { name: given['domain_name'].text }
  return [
    project,
    home && { body: { domain: home }, words: `domain \`${named(home as Readonly<Record<string, string>>)}\`` },
    given['system_scope'] && { body: { system: { [given['system_scope'].text]: true } }, words: 'the system' },
    given['trust_id'] && {
      body: { 'OS-TRUST:trust': { id: given['trust_id'].text } },
      words: `trust \`${given['trust_id'].text}\``,
    },
  ].filter((scope) => scope !== undefined)
}

const REQUIRED: Readonly<Record<Auth['method'], (given: Given) => readonly string[]>> = {
  password: (given) => [
    ...(given['user_id'] || given['username'] ? [] : ['username']),
    ...(given['password'] ? [] : ['password']),
  ],
  token: (given) => (given['token'] ? [] : ['token']),
  application_credential: (given) => [
    ...(given['application_credential_id'] || given['application_credential_name'] ? [] : ['application_credential_id']),
    ...(given['application_credential_id'] || given['user_id'] || given['username'] ? [] : ['username']),
    ...(given['application_credential_secret'] ? [] : ['application_credential_secret']),
  ],
}

/** Guesses a missing `auth_type` from the settings that are present. */
const guess = (given: Given): string => {
  if (given['application_credential_id'] || given['application_credential_name']) return 'v3applicationcredential'
  return given['token'] && !given['password'] ? 'token' : 'password'
}

const methodOf = (type: Text | undefined, given: Given): { method: Auth['method'] | undefined; problems: readonly string[] } => {
  const method = TYPES[type?.text ?? guess(given)]
  if (method !== undefined || type === undefined) return { method, problems: [] }
  const known = Object.keys(TYPES)
  const why = type.text.startsWith('v2')
    ? 'Keystone v2 was removed from OpenStack in 2018: use `password` with an auth_url that ends in /v3'
    : `supported are ${known.map((name) => `\`${name}\``).join(', ')}${suggestion(type.text, known)}`
  return { method: undefined, problems: [`${type.where}: auth_type \`${type.text}\` is not supported: ${why}`] }
}

const urlProblems = (url: Text | undefined): readonly string[] => {
  if (url === undefined) return []
  if (!/^https?:\/\/[^/?#]+/i.test(url.text) || !URL.canParse(url.text))
    return [`${url.where}: auth_url must be a URL such as https://keystone.example.com:5000/v3`]
  if (/\/v2\.0\/?$/.test(url.text))
    return [`${url.where}: auth_url ends in /v2.0, and Keystone v2 was removed from OpenStack in 2018: end it with /v3`]
  if (new URL(url.text).password !== '')
    return [`${url.where}: auth_url must not hold a password: use \`username\` and \`password\``]
  return []
}

/**
 * Reads `auth`, `auth_type` and the login settings beside them.
 * @param cloud the settings of one cloud
 * @returns the login, or every problem as `place: problem`
 */
export const readAuth = (
  cloud: Table,
  fromEnvironment: boolean,
): { readonly auth: Auth | undefined; readonly problems: readonly string[] } => {
  const given = withDomains(gather(cloud))
  const type = textAt(cloud, 'auth_type') ?? textAt(cloud, 'auth_plugin')
  const version = textAt(cloud, 'identity_api_version')
  const { method, problems: wrongType } = methodOf(type, given)
  const wanted = scopes(given)
  const problems = [
    ...typos(cloud),
    ...wrongType,
    ...(version?.text.startsWith('2')
      ? [`${version.where}: identity_api_version ${version.text}: Keystone v2 was removed from OpenStack in 2018: use 3`]
      : []),
    ...(given['auth_url'] ? urlProblems(given['auth_url']) : [missing(cloud, fromEnvironment, 'auth_url')]),
    ...(method ? REQUIRED[method](given).map((name) => missing(cloud, fromEnvironment, name)) : []),
    ...(wanted.length > 1
      ? [
          `${cloud.where}: give only one of project, domain, system_scope and trust_id; given are ${wanted.map(({ words }) => words).join(', ')}`,
        ]
      : []),
  ]
  if (problems.length > 0 || method === undefined) return { auth: undefined, problems }
  return { auth: login(method, given, wanted[0]), problems }
}

const login = (method: Auth['method'], given: Given, scope: Scope | undefined): Auth => {
  const url = (given['auth_url']?.text ?? '').replace(/\/+$/, '')
  const within = scope ? ` in ${scope.words}` : ''
  if (method === 'token')
    return {
      url,
      method,
      identity: { methods: ['token'], token: { id: given['token']?.text } },
      scope: scope?.body,
      who: `the token${within}`,
    }
  const { reference, words } = user(given)
  if (method === 'password')
    return {
      url,
      method,
      identity: { methods: ['password'], password: { user: { ...reference, password: given['password']?.text } } },
      scope: scope?.body,
      who: `${words}${within}`,
    }
  const id = given['application_credential_id']
  const credential = id ? { id: id.text } : { name: given['application_credential_name']?.text, user: reference }
  return {
    url,
    method,
    identity: {
      methods: ['application_credential'],
      application_credential: { ...credential, secret: given['application_credential_secret']?.text },
    },
    scope: undefined,
    who: id
      ? `application credential \`${id.text}\``
      : `application credential \`${given['application_credential_name']?.text}\` of ${words}`,
  }
}
