/** Finds a service's endpoint in Keystone's catalogue: region, interface, overrides. Called by session.ts. */
import { Failure } from '../../base/failure.ts'
import { suggestion } from '../../base/suggest.ts'
import type { CloudConfig } from '../config/config.ts'
import type { CatalogEntry } from './identity.ts'
import { interfaceName } from '../config/settings.ts'

/** Other names of a service type in catalogues and settings (from the service types authority's list). */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'block-storage': ['block-store', 'volumev3', 'volumev2', 'volume'],
  'shared-file-system': ['sharev2', 'share'],
  'load-balancer': ['loadbalancer'],
  baremetal: ['bare-metal'],
}

/** All names of a service type, the given name first. */
const namesOf = (service: string): readonly string[] => {
  const [official, others] = Object.entries(ALIASES).find(([name, names]) => name === service || names.includes(service)) ?? [
    service,
    [],
  ]
  return [...new Set([service, official, ...others])]
}

/**
 * A setting of one service, under any name of its type: `block_storage_endpoint_override`,
 * `volumev3_endpoint_override` …
 */
const settingOf = (config: CloudConfig, names: readonly string[], setting: string) =>
  names.map((name) => config.services.get(`${name.replaceAll('-', '_')}_${setting}`)).find((value) => value !== undefined)

/**
 * The URL of a service, without a trailing slash: the configured override, or the catalogue's for the region and the
 * interface. Throws a `Failure` of kind `input` that lists the catalogue's services. `data.missing` is true if the
 * catalogue lacks the service.
 */
export const endpointOf = (service: string, catalog: readonly CatalogEntry[], config: CloudConfig): string => {
  const names = namesOf(service)
  const override = settingOf(config, names, 'endpoint_override') ?? settingOf(config, names, 'endpoint')
  if (override) return checked(override.text, override.where, service)
  const found = names.flatMap((name) => catalog.filter(({ type }) => type === name))
  if (found.length === 0) throw missing(service, catalog, config)
  const endpoints = found.flatMap((entry) => entry.endpoints)
  const region = settingOf(config, names, 'region_name')?.text ?? config.region
  const preferred = settingOf(config, names, 'interface')
  const interfaces = preferred ? [interfaceName(preferred.text)] : config.interfaces
  const regions = [...new Set(endpoints.map((endpoint) => endpoint.region))]
  if (region === undefined && regions.length > 1)
    throw nothingFits(
      service,
      config,
      `there are several regions: ${regions.join(', ')}`,
      'choose one with region_name in clouds.yaml, or with OS_REGION_NAME',
    )
  const here = endpoints.filter((endpoint) => region === undefined || endpoint.region === region)
  if (here.length === 0) {
    throw nothingFits(
      service,
      config,
      `region \`${region}\` does not have it, only ${regions.join(', ')}`,
      `correct region_name${suggestion(region ?? '', regions)}`,
    )
  }
  const url = interfaces
    .map((wanted) => here.find((endpoint) => endpoint.interface === wanted)?.url)
    .find((address) => address !== undefined)
  if (url === undefined) {
    const offered = [...new Set(here.map((endpoint) => endpoint.interface))].join(', ')
    throw nothingFits(
      service,
      config,
      `it has no ${interfaces.join(' or ')} endpoint, only ${offered}`,
      'choose one of those as `interface` in clouds.yaml',
    )
  }
  return checked(url, 'the catalogue', service)
}

const checked = (url: string, where: string, service: string): string => {
  if (/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) return url.replace(/\/+$/, '')
  throw new Failure(`the endpoint of ${service} is not a URL`, {
    kind: 'input',
    why: `${where} says \`${url}\``,
    help: 'correct it there',
    data: { service },
  })
}

const missing = (service: string, catalog: readonly CatalogEntry[], config: CloudConfig): Failure =>
  new Failure(`cloud \`${config.name}\` has no ${service} service`, {
    kind: 'input',
    why: `its catalogue has ${
      catalog
        .map(({ type }) => type)
        .sort()
        .join(', ') || 'nothing'
    }`,
    help: `register it in Keystone, or set ${service.replaceAll('-', '_')}_endpoint_override in clouds.yaml`,
    data: { service, missing: true },
  })

const nothingFits = (service: string, config: CloudConfig, why: string, help: string): Failure =>
  new Failure(`no endpoint of ${service} in cloud \`${config.name}\` fits`, { kind: 'input', why, help, data: { service } })
