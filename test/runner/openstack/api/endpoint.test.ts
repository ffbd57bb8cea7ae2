/** Endpoints from a catalogue, with region, interface and overrides. */
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../../../runner/openstack/config/config.ts'
import { endpointOf } from '../../../../runner/openstack/api/endpoint.ts'
import { failureOf, filesOf } from '../files.ts'

const endpoint = (region: string, face: string, url: string) => ({ region, interface: face, url })
const catalog = [
  {
    type: 'compute',
    endpoints: [
      endpoint('North', 'public', 'https://north/compute/v2.1/'),
      endpoint('North', 'internal', 'http://10.0.0.1:8774/v2.1'),
      endpoint('South', 'public', 'https://south/compute/v2.1'),
    ],
  },
  { type: 'placement', endpoints: [endpoint('North', 'internal', 'http://10.0.0.1:8778')] },
  { type: 'volumev3', endpoints: [endpoint('North', 'public', 'https://north/volume/v3/42')] },
  { type: 'network', endpoints: [endpoint('North', 'public', 'north:9696')] },
]
const of = async (service: string, settings: string) => {
  const text = `clouds: { lab: { auth: { auth_url: http://k, username: u, password: p, project_id: x }, ${settings} } }`
  return endpointOf(service, catalog, await loadConfig('lab', filesOf({ '/ops/clouds.yaml': text })))
}

describe('endpointOf', () => {
  test.each([
    ['compute', 'region_name: North', 'https://north/compute/v2.1'],
    ['compute', 'region_name: South', 'https://south/compute/v2.1'],
    ['compute', 'region_name: North, interface: internal', 'http://10.0.0.1:8774/v2.1'],
    ['compute', 'region_name: South, interface: [internal, public]', 'https://south/compute/v2.1'],
    ['placement', 'interface: internal', 'http://10.0.0.1:8778'],
    ['placement', 'region_name: North, placement_interface: internalURL', 'http://10.0.0.1:8778'],
    ['compute', 'region_name: North, compute_region_name: South', 'https://south/compute/v2.1'],
    ['compute', 'region_name: Nowhere, compute_endpoint_override: http://here:1/v2.1/', 'http://here:1/v2.1'],
    ['block-storage', 'region_name: North', 'https://north/volume/v3/42'],
    ['volume', 'region_name: North', 'https://north/volume/v3/42'],
    ['volumev3', 'block_storage_endpoint_override: http://cinder', 'http://cinder'],
  ])('%s with %s', async (service, settings, expected) => {
    expect(await of(service, settings)).toBe(expected)
  })

  test.each([
    [
      'compute',
      'verify: true',
      'no endpoint of compute in cloud `lab` fits',
      'there are several regions: North, South',
      'choose one with region_name in clouds.yaml, or with OS_REGION_NAME',
    ],
    [
      'compute',
      'region_name: north',
      'no endpoint of compute in cloud `lab` fits',
      'region `north` does not have it, only North, South',
      'correct region_name; did you mean `North`?',
    ],
    [
      'placement',
      'region_name: North',
      'no endpoint of placement in cloud `lab` fits',
      'it has no public endpoint, only internal',
      'choose one of those as `interface` in clouds.yaml',
    ],
    [
      'network',
      'region_name: North',
      'the endpoint of network is not a URL',
      'the catalogue says `north:9696`',
      'correct it there',
    ],
    [
      'compute',
      'compute_endpoint_override: nova',
      'the endpoint of compute is not a URL',
      'clouds.yaml:1:89 says `nova`',
      'correct it there',
    ],
  ])('%s with %s', async (service, settings, message, why, help) => {
    expect(await failureOf(of(service, settings))).toMatchObject({ kind: 'input', message, why, help, data: { service } })
  })

  test('a service that is not there', async () => {
    expect(await failureOf(of('object-store', 'region_name: North'))).toMatchObject({
      kind: 'input',
      message: 'cloud `lab` has no object-store service',
      why: 'its catalogue has compute, network, placement, volumev3',
      help: 'register it in Keystone, or set object_store_endpoint_override in clouds.yaml',
      data: { service: 'object-store', missing: true },
    })
  })
})
