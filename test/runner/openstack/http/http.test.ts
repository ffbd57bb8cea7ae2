/** Retries, waits and redirects. */
import { describe, expect, test } from 'vitest'
import type { HttpAnswer, Outcome, Trouble } from '../../../../runner/openstack/http/exchange.ts'
import { openHttp, retryAfter, waitBefore } from '../../../../runner/openstack/http/http.ts'
import { failureOf } from '../files.ts'

const answer = (status: number, headers: Record<string, string> = {}): Outcome => ({ answer: { status, headers, text: '' } })
const trouble = (kind: Trouble['kind'], sent: boolean, code = 'ECODE'): Outcome => ({
  trouble: { kind, sent, error: Object.assign(new Error('it broke'), { code }) },
})
const NOW = Date.parse('2026-01-01T00:00:00Z')
const clock = { now: () => NOW, random: () => 1 }
const read = { repeatable: true }
const write = { repeatable: false }

describe('retryAfter', () => {
  test.each([
    [undefined, undefined],
    ['0', 0],
    [' 7 ', 7_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('%j', (value, expected) => {
    expect(retryAfter(value, NOW)).toBe(expected)
  })
})

describe('waitBefore', () => {
  test.each([
    ['a busy read waits half a second, doubled each time', [answer(503), read, 1, true], 500],
    ['', [answer(502), read, 2, true], 1000],
    ['', [answer(504), read, 4, true], 4000],
    ['and gives up after five', [answer(503), read, 5, true], undefined],
    ['as long as it was asked to', [answer(429, { 'retry-after': '7' }), read, 1, true], 7000],
    ['until the date it was given', [answer(503, { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }), read, 1, true], 30_000],
    ['but not longer than a minute', [answer(503, { 'retry-after': '61' }), read, 1, true], undefined],
    ['other answers are final', [answer(500), read, 1, true], undefined],
    ['', [answer(404), read, 1, true], undefined],
    ['a write that was answered is never sent again', [answer(503), write, 1, true], undefined],
    ['', [answer(429, { 'retry-after': '1' }), write, 1, true], undefined],
    ['nor one that may have arrived', [trouble('reset', true), write, 1, true], undefined],
    ['', [trouble('timeout', true), write, 1, true], undefined],
    ['but one that cannot have', [trouble('refused', false), write, 1, true], 500],
    ['', [trouble('connect-timeout', false), write, 1, true], 500],
    ['a read that was cut off', [trouble('reset', true), read, 1, true], 500],
    ['a slow read, once', [trouble('timeout', true), read, 1, true], 500],
    ['', [trouble('timeout', true), read, 2, true], undefined],
    ['a server that has answered before is waited for', [trouble('refused', false), read, 4, true], 4000],
    ['one that never has only once', [trouble('refused', false), read, 1, false], 500],
    ['', [trouble('refused', false), read, 2, false], undefined],
    ['', [trouble('handshake', false), read, 2, false], undefined],
    ['names, certificates and other protocols do not mend themselves', [trouble('name', false), read, 1, true], undefined],
    ['', [trouble('tls', false), read, 1, true], undefined],
    ['', [trouble('protocol', true), read, 1, true], undefined],
    ['', [trouble('proxy', false), read, 1, true], undefined],
    ['', [trouble('aborted', true), read, 1, true], undefined],
  ] as const)('%s', (_, [outcome, request, attempt, known], expected) => {
    expect(waitBefore(outcome, request, attempt, known, clock)).toBe(expected)
  })

  test('half of a wait is left to chance, and it never grows beyond eight seconds', () => {
    expect(waitBefore(answer(503), read, 1, true, { ...clock, random: () => 0 })).toBe(250)
    expect(waitBefore(trouble('reset', true), read, 4, true, clock)).toBe(4000)
  })
})

/** An `Http` that meets the given outcomes in turn, and a log of its acts. */
const meeting = (outcomes: readonly Outcome[], signal = new AbortController().signal) => {
  const waits: number[] = []
  const urls: string[] = []
  const http = openHttp(
    async ({ url }) => {
      urls.push(url)
      return outcomes[urls.length - 1]!
    },
    { ...clock, signal, sleep: async (ms) => void waits.push(ms) },
  )
  return { http, waits, urls }
}
const GET = { method: 'GET', url: 'http://nova:8774/v2.1/servers?name=x', headers: {}, repeatable: true }
const POST = { ...GET, method: 'POST', repeatable: false }

describe('openHttp', () => {
  test('waits and asks again', async () => {
    const { http, waits } = meeting([answer(503), answer(429, { 'retry-after': '3' }), trouble('reset', true), answer(200)])
    expect((await http(GET)).status).toBe(200)
    expect(waits).toEqual([500, 3000, 2000])
  })

  test('gives the last answer back when patience is over', async () => {
    const { http, urls } = meeting(Array.from({ length: 9 }, () => answer(503)))
    expect((await http(GET)).status).toBe(503)
    expect(urls).toHaveLength(5)
  })

  test('a write is sent once', async () => {
    const { http, urls } = meeting([answer(503), answer(202)])
    expect((await http(POST)).status).toBe(503)
    expect(urls).toHaveLength(1)
  })

  test('a server that has answered once is known from then on', async () => {
    const { http, urls } = meeting([
      answer(200),
      trouble('refused', false),
      trouble('refused', false),
      trouble('refused', false),
      answer(200),
    ])
    await http(GET)
    expect((await http(GET)).status).toBe(200)
    expect(urls).toHaveLength(5)
  })

  test.each([
    [
      'refused',
      false,
      'unreachable',
      'it broke (tried 2 times)',
      'check that the service runs, its port, and that no firewall is in between',
    ],
    [
      'name',
      false,
      'unreachable',
      'it broke',
      'check the name in auth_url or in the catalogue, and the resolver of this machine',
    ],
    [
      'timeout',
      true,
      'timeout',
      'it broke (tried 2 times)',
      'look at the load of the service; api_timeout in clouds.yaml allows more',
    ],
    ['protocol', true, 'input', 'it broke', 'check whether the URL should begin with https:// and whether the port is right'],
  ] as const)('no answer: %s', async (kind, sent, failureKind, why, help) => {
    const { http } = meeting(Array.from({ length: 9 }, () => trouble(kind, sent)))
    expect(await failureOf(http(GET))).toMatchObject({
      message: 'no answer from http://nova:8774 to GET /v2.1/servers',
      kind: failureKind,
      why,
      help,
      data: { method: 'GET', url: 'http://nova:8774/v2.1/servers', trouble: kind, sent },
    })
  })

  test('what became of a write is not known', async () => {
    const { http } = meeting([trouble('reset', true)])
    expect((await failureOf(http(POST))).why).toBe('it broke; whether it was carried out is not known')
  })

  test.each([
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ])('%s: name the authority', async (code) => {
    const { http } = meeting([trouble('tls', false, code)])
    expect(await failureOf(http(GET))).toMatchObject({
      kind: 'input',
      help: 'name the file with the certificate of the authority as `cacert` in clouds.yaml (or OS_CACERT)',
    })
  })

  test('an aborted signal wins over everything', async () => {
    const stop = new AbortController()
    const { http, urls } = meeting([trouble('aborted', true)], stop.signal)
    const pending = failureOf(http(GET))
    stop.abort(new Error('stopped by hand'))
    expect((await pending).message).toBe('stopped by hand')
    expect((await failureOf(http(GET))).message).toBe('stopped by hand')
    expect(urls).toHaveLength(1)
  })
})

describe('redirects', () => {
  const to = (location: string, status = 301): Outcome => answer(status, { location })
  const landing: Outcome = { answer: { status: 200, headers: {}, text: 'here' } }

  test.each([
    ['https on the same host', 'https://nova:8774/v2.1/servers', 'https://nova:8774/v2.1/servers'],
    ['a path', '/v2.1/servers/', 'http://nova:8774/v2.1/servers/'],
  ])('a read follows to %s', async (_, location, expected) => {
    const { http, urls } = meeting([to(location), landing])
    expect((await http(GET)).text).toBe('here')
    expect(urls[1]).toBe(expected)
  })

  test.each([
    ['another host, which must not get the token', GET, to('http://evil/')],
    ['another kind of URL', GET, to('ftp://nova/')],
    ['a list of versions (300)', GET, to('http://nova:8774/v3/', 300)],
    ['anything, for a write', POST, to('/elsewhere', 307)],
  ])('not to %s', async (_, request, outcome) => {
    const { http, urls } = meeting([outcome, landing])
    expect(await http(request)).toEqual(outcome.answer as HttpAnswer)
    expect(urls).toHaveLength(1)
  })

  test('not for ever', async () => {
    const { http, urls } = meeting(Array.from({ length: 9 }, () => to('/again')))
    expect((await http(GET)).status).toBe(301)
    expect(urls).toHaveLength(4)
  })
})
