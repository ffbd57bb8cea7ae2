/** How libvirtd starts: whether it does at all, and whether it then listens for migrations, depends on its configuration as on a real host. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Compute } from '../state.ts'
import type { Units } from './units.ts'

interface Port {
  open(): Promise<void>
  close(): Promise<void>
}

/** The error with which it fails to start; undefined when it runs. */
export async function libvirtdStart(
  root: string,
  compute: Compute,
  units: Units,
  port: Port | undefined,
): Promise<string | undefined> {
  // libvirtd.service wants these three; a masked one stays off.
  for (const socket of ['libvirtd.socket', 'libvirtd-ro.socket', 'libvirtd-admin.socket']) {
    const unit = units.find(socket)
    if (unit !== undefined && units.fileState(unit) !== 'masked') await units.start(unit)
  }
  const active = (name: string) => units.find(name)?.active === 'active'
  const activated = ['libvirtd.socket', 'libvirtd-tcp.socket', 'libvirtd-tls.socket'].some(active)
  const listen = /(^|\s)(--listen|-l)(\s|$)/.test(daemonArgs(root))
  if (listen && activated)
    return "--listen parameter not permitted with systemd activation sockets, see 'man libvirtd' for further guidance"
  const listens = active('libvirtd-tcp.socket') || (listen && setting(root, 'listen_tcp') === '1')
  Object.assign(compute, { libvirtRuns: true, libvirtListens: listens })
  await (listens ? port?.open() : port?.close())
  return undefined
}

/** LIBVIRTD_ARGS; the older name libvirtd_opts means nothing to this unit. */
const daemonArgs = (root: string): string =>
  /^\s*LIBVIRTD_ARGS=["']?([^"'\n]*)/m.exec(read(root, 'etc/default/libvirtd'))?.[1] ?? '--timeout 120'

const setting = (root: string, name: string): string | undefined =>
  new RegExp(`^\\s*${name}\\s*=\\s*"?(\\w+)"?`, 'm').exec(read(root, 'etc/libvirt/libvirtd.conf'))?.[1]

function read(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return ''
  }
}
