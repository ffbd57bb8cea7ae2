/** The choice of a cloud, and its settings. */
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../../../runner/openstack/config/config.ts'
import { failureOf, filesOf } from '../files.ts'

const LAB = `clouds:
  lab:
    auth:
      auth_url: http://keystone:5000/v3/
      username: admin
      password: s3cret
      project_name: admin
`
const load = (text: string, name: string | null = 'lab', env: Record<string, string> = {}) =>
  loadConfig(name ?? undefined, filesOf({ '/ops/clouds.yaml': text }, env))
const failure = (text: string, name: string | null = 'lab', env: Record<string, string> = {}) => failureOf(load(text, name, env))
/** One cloud, `lab`, with these lines below its auth. */
const lab = (...lines: string[]) => LAB + lines.map((line) => `    ${line}\n`).join('')

describe('which cloud', () => {
  const two = 'clouds:\n  lab: &a\n    auth: { auth_url: http://a, username: u, password: p, project_name: a }\n  prod: *a\n'
  const env = { OS_AUTH_URL: 'http://env:5000', OS_USERNAME: 'e', OS_PASSWORD: 'p', OS_PROJECT_NAME: 'ep' }

  test.each([
    ['the name given', two, 'prod', {}, 'prod'],
    ['the name given, before OS_CLOUD', two, 'prod', { OS_CLOUD: 'lab' }, 'prod'],
    ['OS_CLOUD', two, null, { OS_CLOUD: 'prod' }, 'prod'],
    ['OS_CLOUD, before the OS_* variables', two, null, { OS_CLOUD: 'prod', ...env }, 'prod'],
    ['the OS_* variables, before the only cloud', LAB, null, env, 'environment'],
    ['the OS_* variables by the name openstacksdk has for them', two, 'envvars', env, 'environment'],
    ['the OS_* variables by their own name', two, null, { ...env, OS_CLOUD_NAME: 'mine', OS_CLOUD: 'mine' }, 'environment'],
    ['the only cloud', LAB, null, {}, 'lab'],
    [
      'the only cloud, when a variable describes no cloud',
      LAB,
      undefined,
      { OS_IDENTITY_API_VERSION: '3', OS_TEST_X: '1' },
      'lab',
    ],
  ])('%s', async (_, text, name, env, expected) => {
    expect((await load(text, name, env)).name).toBe(expected)
  })

  test('a named cloud takes nothing from the OS_* variables', async () => {
    const config = await load(LAB, 'lab', { ...env, OS_REGION_NAME: 'Elsewhere' })
    expect(config.auth.who).toBe('user `admin` of domain `default` in project `admin`')
    expect(config.region).toBeUndefined()
  })

  test('the environment alone needs no file, and a broken one does no harm', async () => {
    const config = await load('clouds: [', null, { ...env, OS_INTERFACE: 'internal', OS_REGION_NAME: 'R1' })
    expect(config).toMatchObject({ name: 'environment', where: 'in the environment', region: 'R1', interfaces: ['internal'] })
  })

  test('several and none chosen', async () => {
    expect(await failure(two, null)).toMatchObject({
      kind: 'input',
      message: 'no cloud was chosen',
      why: 'clouds.yaml knows several: lab, prod',
      help: 'choose one with OS_CLOUD or with the `cloud` parameter',
    })
  })

  test('an unknown name: what was meant, what is known, where it was looked for', async () => {
    expect(await failure(two, 'labb')).toMatchObject({
      kind: 'input',
      message: 'unknown cloud `labb`',
      why: 'clouds.yaml knows lab, prod',
      help: 'did you mean `lab`? correct the name, or add the cloud to clouds.yaml',
    })
    expect((await failure(two, null, { OS_CLOUD: 'x' })).help).toBe('correct OS_CLOUD, or add the cloud to clouds.yaml')
    const none = await failureOf(loadConfig('lab', filesOf({})))
    expect(none.why).toContain('clouds.yaml with a cloud not found (searched: /ops/clouds.yaml, /ops/clouds.yml,')
  })

  test('nothing at all', async () => {
    const failure = await failureOf(loadConfig(undefined, filesOf({})))
    expect(failure).toMatchObject({ kind: 'input', message: 'no cloud is configured' })
    expect(failure.why).toMatch(
      /\/home\/op\/.config\/openstack\/clouds.yaml.*\/etc\/openstack\/clouds.json\), and OS_AUTH_URL is not set$/,
    )
  })

  test('a vendor profile is refused, at its place', async () => {
    expect(await failure(lab('profile: vexxhost'))).toMatchObject({
      kind: 'input',
      why: 'clouds.yaml:8:5: profiles are not supported',
    })
    expect(await failure(lab('cloud: vexxhost'))).toMatchObject({ why: 'clouds.yaml:8:5: profiles are not supported' })
  })
})

describe('settings', () => {
  test('defaults', async () => {
    expect(await load(LAB)).toMatchObject({
      name: 'lab',
      where: 'at clouds.yaml:2:3',
      region: undefined,
      interfaces: ['public'],
      timeout: undefined,
      warnings: [],
      tls: { verify: true, cacert: undefined, cert: undefined, key: undefined },
    })
  })

  test.each([
    [['interface: internal'], ['internal']],
    [['endpoint_type: adminURL'], ['admin']],
    [['interface: [internal, public]'], ['internal', 'public']],
    [['endpoint-type: internalURL'], ['internal']],
  ])('%j', async (lines, expected) => {
    expect((await load(lab(...lines))).interfaces).toEqual(expected)
  })

  test.each([
    ['verify: false', 'clouds.yaml:8:5'],
    ['verify: No', 'clouds.yaml:8:5'],
    ['insecure: true', 'clouds.yaml:8:5'],
  ])('%s is heeded, aloud', async (line, place) => {
    const { tls, warnings } = await load(lab(line))
    expect(tls.verify).toBe(false)
    expect(warnings).toEqual([`${place}: certificates are not checked: whoever controls the network can read the password`])
  })

  test('certificates: relative to the working folder, `~` is home, `verify` may name the file', async () => {
    const { tls } = await load(lab('cacert: ca.pem', 'cert: ~/c.pem', 'key: /k.pem'))
    expect([tls.cacert?.text, tls.cert?.text, tls.key?.text]).toEqual(['/ops/ca.pem', '/home/op/c.pem', '/k.pem'])
    expect((await load(lab('verify: /etc/ca.pem'))).tls).toMatchObject({ verify: true, cacert: { text: '/etc/ca.pem' } })
  })

  test('OS_CACERT, OS_INSECURE and OS_API_TIMEOUT belong to the cloud of the environment', async () => {
    const config = await load(LAB, null, {
      OS_AUTH_URL: 'http://k/v3',
      OS_USERNAME: 'u',
      OS_PASSWORD: 'p',
      OS_PROJECT_ID: '1',
      OS_CACERT: '/ca.pem',
      OS_INSECURE: 'True',
      OS_API_TIMEOUT: '7.5',
    })
    expect(config).toMatchObject({ tls: { verify: false, cacert: { text: '/ca.pem', where: 'OS_CACERT' } }, timeout: 7.5 })
    expect(config.warnings[0]).toMatch(/^OS_INSECURE: /)
  })

  test('settings of one service, in both spellings', async () => {
    const { services } = await load(
      lab(
        'compute_endpoint_override: http://c/{region_name}/v2.1',
        'region_name: R',
        'network-endpoint-type: internalURL',
        'placement_region_name: P',
      ),
    )
    expect(services.get('compute_endpoint_override')?.text).toBe('http://c/R/v2.1')
    expect(services.get('network_interface')?.text).toBe('internalURL')
    expect(services.get('placement_region_name')?.text).toBe('P')
  })

  test('auth_url may hold other settings', async () => {
    const text = LAB.replace('http://keystone:5000/v3/', 'https://{region_name}.example.com/v3') + '    region_name: fra\n'
    expect((await load(text)).auth.url).toBe('https://fra.example.com/v3')
  })

  test('regions: the first, aloud; one of them by OS_REGION_NAME; with settings of its own', async () => {
    const text = lab('regions:', '  - North', '  - name: South', '    values: { interface: internal, auth: { project_name: b } }')
    const first = await load(text)
    expect(first.region).toBe('North')
    expect(first.warnings).toEqual([
      'clouds.yaml:8:5: several regions and none chosen: `North`, the first, is used; choose with OS_REGION_NAME',
    ])
    const second = await load(text, 'lab', { OS_REGION_NAME: 'South' })
    expect(second).toMatchObject({ region: 'South', interfaces: ['internal'], warnings: [] })
    expect(second.auth.who).toContain('in project `b`')
    expect((await failure(text, 'lab', { OS_REGION_NAME: 'Suoth' })).why).toBe(
      'OS_REGION_NAME: the cloud has no region `Suoth`, only North, South; did you mean `South`?',
    )
  })

  test('region_name as a list in one text: the first', async () => {
    expect((await load(lab('region_name: A, B'))).region).toBe('A')
  })

  test('a misspelt setting is pointed out', async () => {
    expect((await load(lab('regoin_name: A', 'region: B', 'compute_api_version: 2', 'volume_service_name: c'))).warnings).toEqual(
      [
        'clouds.yaml:8:5: `regoin_name` is unknown here; did you mean `region_name`?',
        'clouds.yaml:9:5: `region` is unknown here; did you mean `region_name`?',
      ],
    )
  })

  test('everything wrong is told at once, with its place, and no secret', async () => {
    const error = await failure(`clouds:
  lab:
    auth_type: v3pasword
    interface: pubic
    verify: maybe
    key: k.pem
    api_timeout: soon
    regions: A
    cacert: [a]
    auth:
      auth_url: keystone:5000
      usernam: admin
      password: s3cret
      project_name: [x]
`)
    expect(error).toMatchObject({
      kind: 'input',
      message: 'the settings of cloud `lab` cannot be used',
      help: 'correct the lines named above',
    })
    const lines = error.why.split('\n')
    for (const expected of [
      'clouds.yaml:3:5: auth_type `v3pasword` is not supported: supported are `password`, `v3password`, `token`, `v3token`, `v3applicationcredential`; did you mean `v3password`?',
      'clouds.yaml:4:5: interface must be one of public, internal, admin',
      'clouds.yaml:5:5: this must be true or false',
      'clouds.yaml:6:5: `key` needs `cert` beside it',
      'clouds.yaml:7:5: `api_timeout` must be a number of seconds',
      'clouds.yaml:8:5: `regions` must be a list',
      'clouds.yaml:9:5: `cacert` must be a single value',
      'clouds.yaml:11:7: auth_url must be a URL such as https://keystone.example.com:5000/v3',
      'clouds.yaml:12:7: unknown key `usernam` in `auth`; did you mean `username`?',
      'clouds.yaml:14:7: `auth.project_name` must be a single value',
    ])
      expect(lines).toContain(expected)
    expect(error.why).not.toContain('s3cret')
  })

  test('`auth` that is no mapping, and a cloud that is none', async () => {
    expect((await failure('clouds:\n  lab:\n    auth: x\n')).why).toContain('clouds.yaml:3:5: `auth` must be a mapping')
    expect((await failure('clouds:\n  lab: x\n')).why).toBe('clouds.yaml:2:3: `lab` must be a mapping with `auth`')
  })

  test('what the environment lacks is named as a variable', async () => {
    const error = await failureOf(loadConfig(undefined, filesOf({}, { OS_USERNAME: 'u' })))
    expect(error.why).toBe('the environment: OS_AUTH_URL is not set\nthe environment: OS_PASSWORD is not set')
    expect(error.help).toBe('correct the OS_* variables named above, or unset them and use clouds.yaml')
  })
})
