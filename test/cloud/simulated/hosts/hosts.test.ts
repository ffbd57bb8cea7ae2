/** The simulated cloud's hosts: private roots with ssh, services and virsh. */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import type { Client, ClientChannel } from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCloud } from '../cloud.ts'
import type { SimulatedCloud } from '../cloud.ts'
import { fingerprint } from './keys.ts'

let cloud: SimulatedCloud
beforeAll(async () => {
  cloud = await startCloud({ startHosts: true })
})
afterAll(() => cloud.stop())

const run = async (host: string, script: string) => {
  const started = await cloud.hosts[host]?.start()
  if (started === undefined) throw new Error(`no host ${host}`)
  return started.run(script)
}

/** Logs in as OpenSSH would: with the key, and the host's key checked. */
const login = (name: string, options: object = {}): Promise<Client> =>
  new Promise((resolve, reject) => {
    const host = cloud.hosts[name]
    const client = new ssh2.Client()
    client.on('ready', () => resolve(client))
    client.on('error', reject)
    client.connect({
      host: host?.address ?? '',
      port: host?.port ?? 0,
      username: 'root',
      privateKey: readFileSync(cloud.keyFile),
      hostVerifier: (key: Buffer) => key.toString('base64') === host?.hostKey.public.split(' ')[1],
      ...options,
    })
  })

const exec = (client: Client, command: string): Promise<ClientChannel> =>
  new Promise((resolve, reject) =>
    client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error))),
  )

const finish = (channel: ClientChannel): Promise<{ code: number | null; signal: string | undefined; out: string; err: string }> =>
  new Promise((resolve) => {
    let [out, err] = ['', '']
    let end: { code: number | null; signal: string | undefined } = { code: null, signal: undefined }
    channel.on('data', (chunk: Buffer) => (out += chunk.toString()))
    channel.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    channel.on('exit', (code: number | null, signal?: string) => (end = { code, signal }))
    channel.on('close', () => resolve({ ...end, out, err }))
  })

const until = async (holds: () => boolean | Promise<boolean>) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('a private root', () => {
  test('own host name, own files, root; the machine only to read', async () => {
    const { out } = await run(
      'compute14',
      'hostname; id -u; cat /etc/hostname; touch /usr/bin/x 2>&1; echo mine >/etc/mine; cat /proc/1/comm',
    )
    expect(out).toMatch(/^compute14\n0\ncompute14\n.*Read-only file system\nsh\n$/)
    expect((await run('compute15', 'cat /etc/mine 2>&1')).status).toBe(1)
  })
  test('what a pre-flight reads is there', async () => {
    const { out } = await run(
      'compute14',
      'cat /etc/nova/nova-compute.conf; grep ^nova: /etc/passwd; getent hosts compute15; ls /var/lib/nova/instances',
    )
    expect(out).toContain(`live_migration_inbound_addr = ${cloud.compute('compute14').address}\n`)
    expect(out).toContain('nova:x:64060:64060::/var/lib/nova:/bin/sh\n')
    expect(out).toContain(`${cloud.compute('compute15').address}`)
    for (const name of ['web-1', 'web-2', 'db-1']) expect(out).toContain(cloud.server(name).id)
    const ids = await Promise.all(
      ['compute14', 'compute15', 'controller'].map(async (host) => (await run(host, 'cat /etc/machine-id')).out),
    )
    expect(new Set(ids).size).toBe(3)
    expect(ids[0]).toMatch(/^[0-9a-f]{32}\n$/)
  })
  test('memory and disk are the simulated ones', async () => {
    const { out } = await run(
      'compute14',
      "awk '/MemTotal/ { print $2 }' /proc/meminfo; df --output=avail -BG /var/lib/nova/instances | tail -1",
    )
    expect(out).toMatch(/^67108864\n\s*39\dG\n$/)
  })
  test('a console file grows and is that of the guest', async () => {
    const file = `/var/lib/nova/instances/${cloud.server('web-1').id}/console.log`
    const last = async () => Number(/up=(\d+)/.exec((await run('compute14', `tail -1 ${file}`)).out)?.[1])
    const first = await last()
    await until(async () => (await last()) > first)
    expect((await run('compute14', `sort -u ${file} | wc -l; wc -l < ${file}`)).out).toMatch(/^(\d+)\n\1\n$/)
  })
})

describe('its SSH server', () => {
  test('known_hosts and the fingerprint are those of its key', async () => {
    const host = cloud.hosts.compute14
    expect(readFileSync(cloud.knownHostsFile, 'utf8')).toContain(
      `[${host?.address}]:${host?.port} ${host?.hostKey.public.split(' ').slice(0, 2).join(' ')}\n`,
    )
    expect(fingerprint(host?.hostKey.public ?? '')).toMatch(/^SHA256:[\w+/]{43}$/)
  })
  test('another key, another user and a password are refused', async () => {
    const other = ssh2.utils.generateKeyPairSync('ed25519').private
    for (const wrong of [{ privateKey: other }, { username: 'nova' }, { privateKey: undefined, password: 'secret' }])
      await expect(login('compute14', wrong)).rejects.toThrow('All configured authentication methods failed')
  })
  test('status, signal, output and errors come through', async () => {
    const client = await login('compute14')
    expect(await finish(await exec(client, 'echo out; echo err >&2; exit 7'))).toEqual({
      code: 7,
      signal: undefined,
      out: 'out\n',
      err: 'err\n',
    })
    expect(await finish(await exec(client, 'kill -TERM $$'))).toMatchObject({ code: null, signal: 'SIGTERM' })
    expect(await finish(await exec(client, 'pwd; echo $HOME $USER; hostname'))).toMatchObject({
      code: 0,
      out: '/root\n/root root\ncompute14\n',
    })
    client.end()
  })
  test('a persistent shell: exact bytes in and out, a status for each command', async () => {
    const client = await login('compute15')
    const channel = await exec(
      client,
      'while read -r size script; do head -c "$size" >/tmp/bytes; sh -c "$script"; echo "<$?>"; done; exit 5',
    )
    const ended = finish(channel)
    let seen = Buffer.alloc(0)
    channel.on('data', (chunk: Buffer) => (seen = Buffer.concat([seen, chunk])))
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256))
    channel.write('0 false\n')
    channel.write(Buffer.concat([Buffer.from(`${bytes.length} cat /tmp/bytes\n`), bytes]))
    const expected = Buffer.concat([Buffer.from('<1>\n'), bytes, Buffer.from('<0>\n')])
    await until(() => seen.length >= expected.length)
    expect(seen.equals(expected)).toBe(true)
    channel.end()
    expect(await ended).toMatchObject({ code: 5 })
    client.end()
  })
  test('many channels at once, 10 MB through each', async () => {
    const client = await login('compute14')
    const sizes = await Promise.all(
      Array.from(
        { length: 6 },
        async () => (await finish(await exec(client, 'head -c 10000000 /dev/zero | tr "\\0" a'))).out.length,
      ),
    )
    expect(sizes).toEqual(Array(6).fill(10_000_000))
    client.end()
  })
  test('a closed channel takes its processes along, but none of others', async () => {
    const client = await login('compute14')
    const doomed = await exec(client, 'sleep 4711 & sleep 4712; true')
    const spared = await exec(client, 'sleep 4713')
    const running = async () => (await run('compute14', 'ps ax -o args= | grep -c "^sleep 471[123]"; true')).out
    await until(async () => (await running()) === '3\n')
    doomed.close()
    await until(async () => (await running()) === '1\n')
    spared.signal('KILL')
    expect(await finish(spared)).toMatchObject({ signal: 'SIGKILL' })
    client.end()
  })
  test('a lost connection takes all of them along', async () => {
    const client = await login('compute15')
    await exec(client, 'sleep 4720; true')
    const running = async () => (await run('compute15', 'ps ax -o args= | grep -c "^sleep 4720"; true')).out
    await until(async () => (await running()) === '1\n')
    client.destroy()
    await until(async () => (await running()) === '0\n')
  })
})

describe('a host that misbehaves', () => {
  const other = () => cloud.hosts.controller
  test('down: connections are cut and refused, until it comes back', async () => {
    const client = await login('controller')
    const closed = new Promise<void>((resolve) => void client.once('close', () => resolve()))
    client.on('error', () => undefined)
    await other()?.goDown()
    await closed
    await expect(login('controller')).rejects.toThrow('ECONNREFUSED')
    await other()?.comeBack()
    ;(await login('controller')).end()
  })
  test('hanging: connections are taken and never answered', async () => {
    other()?.hang()
    await expect(login('controller', { readyTimeout: 300 })).rejects.toThrow('Timed out while waiting for handshake')
    await other()?.comeBack()
    ;(await login('controller')).end()
  })
  test('with another key: who checks, refuses', async () => {
    const before = other()?.hostKey.public
    await other()?.comeBack({ newKey: true })
    expect(other()?.hostKey.public).not.toBe(before)
    await expect(
      login('controller', { hostVerifier: (key: Buffer) => key.toString('base64') === before?.split(' ')[1] }),
    ).rejects.toThrow('Host denied')
  })
})

const portIsOpen = (host: string) =>
  new Promise<boolean>((resolve) => {
    const socket = dial({ host: cloud.compute(host).address, port: 16509 })
    socket.on('connect', () => resolve(socket.destroy() !== undefined))
    socket.on('error', () => resolve(false))
  })

describe('services', () => {
  test('libvirtd really listens, and stops listening', async () => {
    expect(await portIsOpen('compute15')).toBe(true)
    expect((await run('compute15', 'ss -ltn sport = :16509')).out).toContain(`${cloud.compute('compute15').address}:16509`)
    expect((await run('compute15', 'systemctl stop libvirtd; systemctl is-active libvirtd; virsh list')).err).toContain(
      'error: failed to connect to the hypervisor\n',
    )
    expect(await portIsOpen('compute15')).toBe(false)
    expect(await run('compute14', `virsh -c qemu+tcp://compute15/system hostname`)).toMatchObject({
      status: 1,
      err: "error: failed to connect to the hypervisor\nerror: unable to connect to server at 'compute15:16509': Connection refused\n",
    })
    expect(await run('compute15', 'systemctl start libvirtd; systemctl is-active libvirtd')).toMatchObject({
      status: 0,
      out: 'active\n',
    })
    expect(await portIsOpen('compute15')).toBe(true)
  })
  test('libvirtd listens as its configuration says, and refuses what contradicts itself', async () => {
    const listens = async (script: string) => [
      (await run('compute15', `${script}; systemctl restart libvirtd`)).status,
      await portIsOpen('compute15'),
    ]
    expect(await listens("sed -i 's/^listen_tcp = 1/listen_tcp = 0/' /etc/libvirt/libvirtd.conf")).toEqual([0, false])
    expect(await listens("sed -i 's/^listen_tcp = 0/listen_tcp = 1/' /etc/libvirt/libvirtd.conf")).toEqual([0, true])
    expect(await listens("sed -i 's/LIBVIRTD_ARGS/libvirtd_opts/' /etc/default/libvirtd")).toEqual([0, false])
    expect(
      await listens("sed -i 's/libvirtd_opts/LIBVIRTD_ARGS/' /etc/default/libvirtd; systemctl unmask libvirtd.socket"),
    ).toEqual([1, false])
    expect((await run('compute15', 'systemctl is-failed libvirtd')).out).toBe('failed\n')
    expect(await listens('systemctl stop libvirtd.socket; systemctl mask libvirtd.socket')).toEqual([0, true])
    expect(
      await listens(
        "sed -i 's/--listen//' /etc/default/libvirtd; systemctl stop libvirtd; systemctl unmask libvirtd-tcp.socket; systemctl enable --now libvirtd-tcp.socket",
      ),
    ).toEqual([0, true])
    expect(
      (
        await run(
          'compute15',
          'systemctl is-enabled libvirtd-tcp.socket; readlink /etc/systemd/system/sockets.target.wants/libvirtd-tcp.socket',
        )
      ).out,
    ).toBe('enabled\n/lib/systemd/system/libvirtd-tcp.socket\n')
  })
  test('nova-compute stopped on the host is down in Nova, after the time that Nova waits', async () => {
    await run('compute15', 'systemctl stop nova-compute')
    expect(cloud.compute('compute15').silentSince).toBeDefined()
    await run('compute15', 'systemctl start nova-compute')
    expect(cloud.compute('compute15').silentSince).toBeUndefined()
  })
  test('masks, drop-ins and unknown units, in the words of systemctl', async () => {
    expect(await run('compute14', 'systemctl is-active libvirtd nova-compute nope')).toEqual({
      status: 0,
      out: 'active\nactive\ninactive\n',
      err: '',
    })
    expect(await run('compute14', 'systemctl is-enabled libvirtd libvirtd.socket nope')).toEqual({
      status: 0,
      out: 'enabled\nmasked\n',
      err: 'Failed to get unit file state for nope.service: No such file or directory\n',
    })
    expect(await run('compute14', 'systemctl start libvirtd.socket')).toMatchObject({
      status: 1,
      err: 'Failed to start libvirtd.socket: Unit libvirtd.socket is masked.\n',
    })
    expect(await run('compute14', 'systemctl stop nope')).toMatchObject({
      status: 5,
      err: 'Failed to stop nope.service: Unit nope.service not loaded.\n',
    })
    await run(
      'compute14',
      'mkdir -p /etc/systemd/system/libvirtd.service.d; printf "[Service]\\nTasksMax=9\\n" > /etc/systemd/system/libvirtd.service.d/x.conf',
    )
    expect((await run('compute14', 'systemctl cat libvirtd')).out).toMatch(
      /^# \/lib\/systemd\/system\/libvirtd\.service\n\[Unit\][\s\S]*ExecStart=\/usr\/sbin\/libvirtd \$LIBVIRTD_ARGS[\s\S]*\n# \/etc\/systemd\/system\/libvirtd\.service\.d\/x\.conf\n\[Service\]\nTasksMax=9\n$/,
    )
    expect(
      (
        await run(
          'compute14',
          'systemctl show nova-compute -p ActiveState,SubState,LoadState; systemctl show nope -p LoadState --value',
        )
      ).out,
    ).toBe('LoadState=loaded\nActiveState=active\nSubState=running\nnot-found\n')
  })
})

describe('virsh', () => {
  test('lists what runs there', async () => {
    expect((await run('compute15', 'virsh list --all; virsh list --name')).out).toBe(
      ' Id   Name                State\n-----------------------------------\n 4    instance-00000004   running\n -    instance-00000005   shut off\n\ninstance-00000004\n\n',
    )
  })
  test('compares CPUs in both ways, from a file and from standard input', async () => {
    const compare = (cpu: string) => run('compute14', `echo "${cpu}" | virsh hypervisor-cpu-compare /dev/stdin`)
    expect((await run('compute14', 'virsh dumpxml instance-00000001 > /tmp/x; virsh hypervisor-cpu-compare /tmp/x')).out).toBe(
      'CPU described in /tmp/x is identical to the CPU provided by hypervisor on the host\n\n',
    )
    expect(await compare("<cpu><model>qemu64</model><feature policy='require' name='sse2'/></cpu>")).toMatchObject({
      status: 0,
      out: 'The CPU provided by hypervisor on the host is a superset of CPU described in /dev/stdin\n\n',
    })
    expect(await compare("<cpu><feature policy='require' name='amx-tile'/></cpu>")).toMatchObject({
      status: 1,
      out: 'CPU described in /dev/stdin is incompatible with the CPU provided by hypervisor on the host\n\n',
    })
    expect((await compare('<domain/>')).err).toContain("error: File '/dev/stdin' does not contain any <cpu> element")
  })
  test('its host uuid comes from the machine-id', async () => {
    const root = cloud.hosts.compute14?.started?.root ?? ''
    const [own, other] = [readFileSync(join(root, 'etc/machine-id'), 'utf8'), '0123456789abcdef0123456789abcdef\n']
    writeFileSync(join(root, 'etc/machine-id'), other)
    expect((await run('compute14', 'virsh capabilities | grep -m1 uuid')).out).toBe(
      '    <uuid>01234567-89ab-cdef-0123-456789abcdef</uuid>\n',
    )
    writeFileSync(join(root, 'etc/machine-id'), own)
  })
})
