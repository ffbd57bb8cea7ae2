import type { HostAccess } from '../../../runner/module.ts'

/** The libvirt daemons of a host. */
export interface Daemons {
  /** Versions by daemon: `libvirtd` → `9.0.0`. Empty if no daemon is installed: libvirt may run in a container. */
  readonly versions: ReadonlyMap<string, string>
  /** The daemon that clients reach: libvirtd, or virtproxyd where each driver has a daemon of its own. */
  readonly main: string | undefined
  /** The given groups that are unknown on the host. */
  readonly missingGroups: readonly string[]
}

const MAIN = ['libvirtd', 'virtproxyd']

// `--version` prints the program, as it was called, and the version: `/usr/sbin/libvirtd (libvirt) 9.0.0`.
const ASK = `
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
for daemon in libvirtd virtproxyd virtqemud; do "$daemon" --version; done
for daemon in libvirtd virtproxyd; do
  for unit in "$daemon.service" "$daemon.socket" "$daemon-tcp.socket" "$daemon-tls.socket"; do
    systemctl is-active --quiet "$unit" && echo "active $daemon"
    systemctl is-enabled --quiet "$unit" && echo "enabled $daemon"
  done
done
for group in "$@"; do
  getent group "$group" >/dev/null
  [ $? -ne 2 ] || echo "missing $group"
done
exit 0
`

/** Asks the programs and units of a host in one request; never relies on the name of its distribution. */
export async function findDaemons(host: Pick<HostAccess, 'run'>, groups: readonly string[]): Promise<Daemons> {
  const { stdout } = await host.run(['sh', '-c', `exec 2>/dev/null${ASK}`, 'sh', ...groups])
  const versions = new Map(
    [...stdout.matchAll(/^(?:\S*\/)?(\w+) \(libvirt\) (\d+(?:\.\d+)*)/gm)].map(([, daemon = '', version = '']) => [
      daemon,
      version,
    ]),
  )
  const lines = stdout.split('\n')
  const main =
    MAIN.find((daemon) => lines.includes(`active ${daemon}`)) ??
    MAIN.find((daemon) => lines.includes(`enabled ${daemon}`)) ??
    MAIN.find((daemon) => versions.has(daemon))
  return { versions, main, missingGroups: groups.filter((group) => lines.includes(`missing ${group}`)) }
}
