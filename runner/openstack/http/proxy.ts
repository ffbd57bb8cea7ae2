import { isIP } from 'node:net'
import { Failure } from '../../base/failure.ts'

type Environment = Readonly<Record<string, string | undefined>>

const setting = (env: Environment, name: string): string | undefined => env[name] || env[name.toUpperCase()] || undefined

const number = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

const inNetwork = (host: string, network: string): boolean => {
  const [address = '', bits = ''] = network.split('/')
  if (isIP(host) !== 4 || isIP(address) !== 4 || !/^\d+$/.test(bits)) return false
  const size = 2 ** (32 - Number(bits))
  return Math.floor(number(host) / size) === Math.floor(number(address) / size)
}

/**
 * Matches a host with one entry of no_proxy: `*`, a name and all below it, an address, a network `10.0.0.0/8`, each
 * with an optional port.
 */
const covers = (entry: string, host: string, port: string): boolean => {
  const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
  if (only !== undefined && only !== port) return false
  const suffix = name.replace(/^\*?\./, '')
  return suffix === '*' || host === suffix || host.endsWith(`.${suffix}`) || inNetwork(host, name)
}

/**
 * The proxy for a URL. Reads http_proxy, https_proxy, all_proxy and no_proxy as the Python clients of OpenStack do.
 * Throws a `Failure` of kind `input` if the proxy's URL is not plain HTTP.
 */
export const proxyFor = (url: URL, env: Environment): URL | undefined => {
  const scheme = url.protocol.replace(':', '')
  const name = setting(env, `${scheme}_proxy`) ? `${scheme}_proxy` : 'all_proxy'
  const proxy = setting(env, name)
  if (proxy === undefined) return undefined
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port || (scheme === 'https' ? '443' : '80')
  const exceptions = (setting(env, 'no_proxy') ?? '').split(/[\s,]+/).filter((entry) => entry !== '')
  if (exceptions.some((entry) => covers(entry.toLowerCase(), host, port))) return undefined
  const address = proxy.includes('://') ? proxy : `http://${proxy}`
  if (URL.canParse(address) && new URL(address).protocol === 'http:') return new URL(address)
  throw new Failure(`the proxy in ${name} cannot be used`, {
    kind: 'input',
    why: 'only proxies of the form http://host:port are supported',
    help: `correct ${name}, or name ${host} in no_proxy`,
  })
}

/** The header that logs in to a proxy; empty if the proxy's URL has no user. */
export const proxyHeaders = (proxy: URL): Readonly<Record<string, string>> => {
  if (proxy.username === '') return {}
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'Proxy-Authorization': `Basic ${Buffer.from(login).toString('base64')}` }
}
