/** Error answers of services and proxies in words. */
import { describe, expect, test } from 'vitest'
import { type Asked, faultText, isFromService, notTheService, refused } from '../../../../runner/openstack/api/faults.ts'

const asked = (service: string): Asked => ({
  service,
  method: 'POST',
  path: '/servers/1/action',
  url: 'http://nova:8774/v2.1/servers/1/action',
})
const answer = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: { 'content-type': typeof body === 'string' ? 'text/html; charset=utf-8' : 'application/json', ...headers },
  text: typeof body === 'string' ? body : JSON.stringify(body),
})

describe('faultText', () => {
  test.each([
    [
      'Nova',
      { badRequest: { code: 400, message: 'Compute host compute99 could not be found.' } },
      'Compute host compute99 could not be found.',
    ],
    ['Nova, an unexpected one', { computeFault: { code: 500, message: 'Unexpected API Error.' } }, 'Unexpected API Error.'],
    [
      'Keystone, and its middleware',
      { error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' } },
      'The request you have made requires authentication.',
    ],
    [
      'Placement',
      {
        errors: [
          {
            status: 404,
            title: 'Not Found',
            detail: 'The resource could not be found.\n\n No resource provider with uuid X found  ',
          },
        ],
      },
      'No resource provider with uuid X found',
    ],
    [
      'Placement, without a point',
      { errors: [{ status: 404, title: 'Not Found', detail: 'The resource could not be found.\n\n   ' }] },
      'The resource could not be found.',
    ],
    ['Placement, without detail', { errors: [{ status: 500, title: 'Internal Server Error' }] }, 'Internal Server Error'],
    [
      'Neutron',
      { NeutronError: { type: 'PortNotFound', message: 'Port X could not be found.', detail: '' } },
      'Port X could not be found.',
    ],
    ['Neutron of old', { NeutronError: 'something is wrong' }, 'something is wrong'],
    [
      'a path that Nova does not know',
      { message: 'The resource could not be found.<br /><br />\n\n\n', code: '404 Not Found', title: 'Not Found' },
      undefined,
    ],
    ['a list', [1], undefined],
    ['nothing', undefined, undefined],
  ])('%s', (_, body, expected) => {
    expect(faultText(body)).toBe(expected)
  })
})

test('an error of the service', () => {
  const failure = refused(
    asked('compute'),
    answer(
      409,
      { conflictingRequest: { code: 409, message: "Cannot 'os-migrateLive' instance X while it is in task_state migrating" } },
      { 'x-openstack-request-id': 'req-1' },
    ),
  )
  expect(failure).toMatchObject({
    message: 'compute refused POST /servers/1/action (409)',
    kind: 'failed',
    why: "Cannot 'os-migrateLive' instance X while it is in task_state migrating (request req-1)",
    help: 'look at the state of the thing: another operation may be under way',
    data: { status: 409, service: 'compute', method: 'POST', path: '/servers/1/action', requestId: 'req-1' },
  })
})

test.each([
  [401, 'input', /log in again/],
  [403, 'failed', /role/],
  [429, 'failed', /wait/],
  [500, 'failed', /log of the service/],
  [503, 'unreachable', /log of the service/],
] as const)('%i is of kind %s', (status, kind, help) => {
  const failure = refused(asked('compute'), answer(status, { fault: { message: 'm' } }))
  expect(failure.kind).toBe(kind)
  expect(failure.help).toMatch(help)
})

test('a wait that was asked for is told', () => {
  expect(refused(asked('compute'), answer(429, { overLimit: { message: 'm' } }, { 'retry-after': '90' })).help).toBe(
    'run again after 1 min 30 s: the service asks for that wait',
  )
})

test('what a schema error repeats of the request is left out', () => {
  const message =
    "'identity' is a required property\n\nFailed validating 'required' in schema:\n {…}\n\nOn instance:\n {'password': 's3cret'}"
  const failure = refused(asked('identity'), answer(400, { error: { code: 400, message } }))
  expect(failure.why).toBe("'identity' is a required property")
})

test('Glance names a missing image as the web framework does; Nova never does', () => {
  const body = { message: 'No image found with ID nope<br /><br />\n\n', code: '404 Not Found', title: 'Not Found' }
  expect(refused(asked('image'), answer(404, body)).why).toBe('No image found with ID nope')
  expect(refused(asked('compute'), answer(404, body)).message).toBe(
    'http://nova:8774/v2.1/servers/1/action did not answer like the compute service',
  )
  expect([
    isFromService('image', body),
    isFromService('compute', body),
    isFromService('compute', { itemNotFound: { message: 'm' } }),
  ]).toEqual([true, false, true])
})

describe('an answer of somebody else', () => {
  test.each([
    [
      'a page',
      answer(200, '<html><head><title>Captive\n Portal</title></head><body>Log in</body></html>'),
      'input',
      'it answered 200 with text/html: Captive Portal',
      /check the endpoint of compute in the catalogue \(or compute_endpoint_override\), and whether a proxy/,
    ],
    [
      'a page without a title',
      answer(404, '<h1>Not Found</h1><p>nginx</p>'),
      'input',
      'it answered 404 with text/html: Not Found',
      /proxy/,
    ],
    [
      'a gateway',
      answer(503, '<html><body><h1>503 Service Unavailable</h1>\nNo server is available'),
      'unreachable',
      'it answered 503 with text/html: 503 Service Unavailable',
      /load balancer has no working compute service/,
    ],
    [
      'half a document',
      { status: 200, headers: { 'content-type': 'application/json' }, text: '{"servers": [{"id": ' },
      'input',
      'it answered 200 with application/json: {"servers": [{"id":',
      /truncated or altered/,
    ],
    ['nothing', { status: 200, headers: {}, text: '' }, 'input', 'it answered 200 with no content type: nothing', /proxy/],
    [
      'a redirect',
      answer(302, '', { location: 'https://login.example/' }),
      'input',
      'it answered 302 and points to https://login.example/',
      /use that address/,
    ],
    [
      'a lot of words',
      { status: 200, headers: { 'content-type': 'text/plain' }, text: 'x'.repeat(500) },
      'input',
      `it answered 200 with text/plain: ${'x'.repeat(80)}…`,
      /proxy/,
    ],
    [
      'a service in trouble',
      answer(500, '<title>Internal Server Error</title>', {}),
      'failed',
      'it answered 500 with text/html: Internal Server Error',
      /log of the compute service/,
    ],
    [
      'a limiter',
      answer(429, '<h1>slow down</h1>', { 'retry-after': '120' }),
      'failed',
      'it answered 429 with text/html: slow down',
      /run again after 2 min/,
    ],
  ] as const)('%s', (_, given, kind, why, help) => {
    const failure = notTheService(asked('compute'), given)
    expect(failure).toMatchObject({
      message: 'http://nova:8774/v2.1/servers/1/action did not answer like the compute service',
      kind,
      why,
    })
    expect(failure.help).toMatch(help)
  })
})
