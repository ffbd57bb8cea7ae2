import { describe, expect, test } from 'vitest'
import { proxyFor, proxyHeaders } from '../../../../runner/openstack/http/proxy.ts'

const of = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href

describe('proxyFor', () => {
  const proxies = { http_proxy: 'http://p1:3128', https_proxy: 'http://p2:3128' }
  test.each([
    ['http://nova:8774', proxies, 'http://p1:3128/'],
    ['https://nova:8774', proxies, 'http://p2:3128/'],
    ['https://nova', { HTTPS_PROXY: 'http://p3' }, 'http://p3/'],
    ['https://nova', { https_proxy: 'p4:80' }, 'http://p4/'],
    ['https://nova', { all_proxy: 'http://p5' }, 'http://p5/'],
    ['https://nova', { https_proxy: '', HTTP_PROXY: 'http://p6' }, undefined],
    ['http://nova', {}, undefined],
  ])('%s with %j', (url, env, expected) => {
    expect(of(url, env as never)).toBe(expected)
  })

  test.each([
    ['nova.example', 'http://nova.example', true],
    ['example', 'http://nova.example', true],
    ['.example', 'http://nova.example', true],
    ['*.example', 'http://nova.example', true],
    ['ample', 'http://nova.example', false],
    ['*', 'http://anything', true],
    ['other, nova.example', 'http://NOVA.example', true],
    ['nova.example:8774', 'http://nova.example:8774', true],
    ['nova.example:8775', 'http://nova.example:8774', false],
    ['10.0.0.0/8', 'http://10.77.0.11:5000', true],
    ['10.0.0.0/8', 'http://11.0.0.1', false],
    ['0.0.0.0/0', 'http://11.0.0.1', true],
    ['10.77.0.11', 'http://10.77.0.11:5000', true],
    ['::1', 'http://[::1]:5000', false],
  ])('no_proxy=%s and %s', (no_proxy, url, direct) => {
    expect(of(url, { ...proxies, no_proxy })).toBe(direct ? undefined : 'http://p1:3128/')
  })

  test.each(['socks5://p:1080', 'https://p', 'http://'])('%s cannot be used', (https_proxy) => {
    expect(() => of('https://nova', { https_proxy })).toThrow('the proxy in https_proxy cannot be used')
  })
})

test('proxyHeaders', () => {
  expect(proxyHeaders(new URL('http://p'))).toEqual({})
  expect(proxyHeaders(new URL('http://u:a%3Ab@p'))).toEqual({
    'Proxy-Authorization': `Basic ${Buffer.from('u:a:b').toString('base64')}`,
  })
})
