/** Microversions compared, asked for and required. */
import { describe, expect, test } from 'vitest'
import { documentUrl, mustReach, readRange, releaseOf, versionHeaders } from '../../../../runner/openstack/api/versions.ts'

test.each([
  ['2.1', 'Kilo'],
  ['2.25', 'Mitaka'],
  ['2.26', 'Newton'],
  ['2.84', 'Ussuri'],
  ['2.89', 'Xena'],
  ['2.96', '2024.1 Caracal'],
  ['2.97', '2025.1 Epoxy'],
  ['2.200', undefined],
])('%s came with %s', (version, release) => {
  expect(releaseOf(version)).toBe(release)
})

test('versionHeaders', () => {
  expect(versionHeaders('compute', '2.93')).toEqual({
    'OpenStack-API-Version': 'compute 2.93',
    'X-OpenStack-Nova-API-Version': '2.93',
  })
  expect(versionHeaders('placement', '1.36')).toEqual({ 'OpenStack-API-Version': 'placement 1.36' })
  expect(versionHeaders('volumev3', '3.50')).toEqual({ 'OpenStack-API-Version': 'volume 3.50' })
  expect(versionHeaders('block-storage', '3.50')).toEqual({ 'OpenStack-API-Version': 'volume 3.50' })
})

describe('readRange', () => {
  const v20 = { id: 'v2.0', status: 'SUPPORTED', version: '', min_version: '' }
  const v21 = { id: 'v2.1', status: 'CURRENT', version: '2.93', min_version: '2.1' }
  test.each([
    ["Nova's own", { version: v21 }, { min: '2.1', max: '2.93' }],
    ["Nova's list", { versions: [v20, v21] }, { min: '2.1', max: '2.93' }],
    ["Placement's", { versions: [{ id: 'v1.0', max_version: '1.39', min_version: '1.0' }] }, { min: '1.0', max: '1.39' }],
    ["Nova's of old", { version: v20 }, 'none'],
    ["Neutron's", { versions: [{ id: 'v2.0', status: 'CURRENT', links: [] }] }, 'none'],
    ['something else', { choices: [] }, undefined],
    ['no JSON', undefined, undefined],
  ])('%s', (_, document, expected) => {
    expect(readRange(document)).toEqual(expected)
  })
})

test.each([
  ['http://c:8774/v2.1', 'http://c:8774/v2.1/'],
  ['http://c:8774/v2.1/3971c5c2e8454aecbd50fd03abf92a41', 'http://c:8774/v2.1/'],
  ['https://c/compute/v2/abc', 'https://c/compute/v2/'],
  ['http://c:8778', 'http://c:8778/'],
  ['https://c/placement', 'https://c/placement/'],
  ['http://c:8776/v3/abc', 'http://c:8776/v3/'],
])('the version document of %s', (endpoint, expected) => {
  expect(documentUrl(endpoint)).toBe(expected)
})

describe('mustReach', () => {
  const zed = { min: '2.1', max: '2.93' }
  test('what is within reach passes', () => {
    expect(() => mustReach('compute', '2.93', zed, 'x')).not.toThrow()
    expect(() => mustReach('compute', '2.1', zed, 'x')).not.toThrow()
  })
  test.each([
    [
      'compute',
      '2.96',
      zed,
      "this cloud's compute service is too old for x",
      'it needs microversion 2.96 (OpenStack 2024.1 Caracal or newer), and the service reaches 2.93 (Zed)',
    ],
    [
      'compute',
      '2.24',
      undefined,
      "this cloud's compute service is too old for x",
      'it needs microversion 2.24 (OpenStack Mitaka or newer), and the service reaches 2.0 (Kilo)',
    ],
    [
      'placement',
      '1.40',
      { min: '1.0', max: '1.39' },
      "this cloud's placement service is too old for x",
      'it needs microversion 1.40, and the service reaches 1.39',
    ],
    [
      'compute',
      '2.87',
      { min: '2.90', max: '2.120' },
      "this cloud's compute service is too new for x",
      'it was asked for microversion 2.87, and the service begins at 2.90',
    ],
  ])('%s %s', (service, needed, range, message, why) => {
    expect(() => mustReach(service, needed, range, 'x')).toThrow(expect.objectContaining({ message, why }))
  })
})
