import type { FileWorld } from './config/clouds-file.ts'
import type { Cloud } from './cloud.ts'
import { openCompute } from './api/compute.ts'
import { loadConfig } from './config/config.ts'
import { openDial } from './http/dial.ts'
import { openExchange } from './http/exchange.ts'
import { openHttp, type Patience } from './http/http.ts'
import { openIdentity } from './api/identity.ts'
import { openPlacement } from './api/placement.ts'
import { proxyFor } from './http/proxy.ts'
import { openSession } from './api/session.ts'
import { readTlsFiles } from './config/tls.ts'

export interface CloudWorld extends FileWorld, Omit<Patience, 'random'> {
  /** From 0 to 1; default `Math.random`. */
  random?(): number
  /** Milliseconds to connect, and for one request. Default 10 s and 60 s (or `api_timeout`). */
  readonly limits?: { readonly connect?: number; readonly request?: number }
}

/**
 * Opens a client of one cloud. Reads the settings at once; wrong ones throw a `Failure` of kind `input`. The first
 * call logs in. Nothing needs closing: idle connections do not keep the program alive.
 * @param name in clouds.yaml; undefined for the cloud that the environment selects
 */
export const openCloud = async (name: string | undefined, world: CloudWorld): Promise<Cloud> => {
  const { env, signal } = world
  const config = await loadConfig(name, world)
  const tls = await readTlsFiles(config.tls, world)
  const dial = openDial({ ...tls, timeout: world.limits?.connect ?? 10_000, signal })
  const timeout = world.limits?.request ?? (config.timeout ?? 60) * 1000
  const exchange = openExchange({ dial, proxyFor: (url) => proxyFor(url, env), timeout, signal })
  const patience = { now: world.now, sleep: world.sleep, signal, random: world.random ?? Math.random }
  const http = openHttp(exchange, patience)
  const identity = openIdentity({ auth: config.auth, where: config.where, http, now: world.now })
  const session = openSession({ config, identity, http })
  return {
    name: config.name,
    warnings: config.warnings,
    token: session.token,
    compute: openCompute(session),
    placement: openPlacement(session),
    request: (service, request) => session.request(service, request),
  }
}
