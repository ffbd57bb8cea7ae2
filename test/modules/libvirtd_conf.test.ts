/** `libvirtd_conf`: the contract, which file, and what the daemon would refuse. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import libvirtdConf from '../../modules/libvirtd_conf.ts'
import { behavesLikeAModule, sensiblyChecked } from '../contracts/module.ts'
import { onFile } from '../doubles/address.ts'
import { freshFolder, scratchFolder } from '../doubles/local-target.ts'
import { fakeTarget } from '../doubles/target.ts'

/** In the form of Debian's file: `libvirtd_conf.integration.test.ts` has the real one. */
const CONF = '# Listen\n#listen_tcp = 1\n\n#auth_tcp = "sasl"\nlisten_tls = 0\nauth_tcp = "sasl"\nauth_tcp = "x"\n'
const home = join(scratchFolder(), 'home')
const fresh = freshFolder(home)
const path = join(home, 'libvirtd.conf')

behavesLikeAModule(
  libvirtdConf,
  {
    name: 'several keys',
    params: {
      path,
      create: false,
      options: { listen_tcp: true, auth_tcp: 'none', listen_tls: null, tls_allowed_dn_list: ['a'] },
    },
    target: fresh({ 'libvirtd.conf': CONF }),
  },
  { name: 'a new file', params: { path, create: true, mode: '0600', options: { tcp_port: 16510 } }, target: fresh({}) },
  {
    name: 'Latin-1',
    params: { path, create: false, options: { sasl_allowed_username_list: ['Müller'] } },
    target: fresh({ 'libvirtd.conf': new Uint8Array(Buffer.from('# Grüße\n', 'latin1')) }),
  },
)

const DEBIAN_12 = '/usr/sbin/libvirtd (libvirt) 9.0.0\nactive libvirtd\nenabled libvirtd\n'
const MODULAR = 'libvirtd (libvirt) 10.10.0\nvirtproxyd (libvirt) 10.10.0\nvirtqemud (libvirt) 10.10.0\nactive virtproxyd\n'

const hostWith = (says: string, files: Record<string, string> = { '/etc/libvirt/libvirtd.conf': CONF }) =>
  fakeTarget({ files, commands: (argv) => (argv[0] === 'sh' ? { stdout: says } : undefined) })

type Given = Parameters<typeof libvirtdConf.check>[0]
const checked = (options: Given['options'], target = hostWith(DEBIAN_12), at?: string) =>
  sensiblyChecked(libvirtdConf, { options, create: false, ...(at === undefined ? {} : { path: at }) }, target)

describe('libvirtd_conf', () => {
  test('plans a change for each key that differs, and names the lines that do not count', async () => {
    const on = (key: string) => onFile('/etc/libvirt/libvirtd.conf', key)
    const { changes, result } = await checked({ listen_tls: false, listen_tcp: true, auth_tcp: 'none', crl_file: null })
    expect(changes).toEqual([
      { ...on('listen_tcp'), before: undefined, after: '1' },
      { ...on('auth_tcp'), before: '"sasl"', after: '"none"' },
      { ...on('auth_tcp (again in line 7)'), before: '"x"', after: undefined },
    ])
    expect(result).toEqual({ path: '/etc/libvirt/libvirtd.conf', version: '9.0.0' })
  })

  test('every other byte stays', async () => {
    const target = fresh({ 'libvirtd.conf': CONF })()
    const params = { path, create: false, options: { listen_tcp: true, auth_tcp: 'none' } }
    await libvirtdConf.apply?.(params, await libvirtdConf.check(params, target), target)
    expect(readFileSync(path, 'utf8')).toBe(
      CONF.replace('#listen_tcp = 1\n', '$&listen_tcp = 1\n').replace(
        '\nauth_tcp = "sasl"\nauth_tcp = "x"',
        '\nauth_tcp = "none"',
      ),
    )
  })

  test('where the daemons are modular the file is that of virtproxyd', async () => {
    const target = hostWith(MODULAR, { '/etc/libvirt/virtproxyd.conf': '' })
    const { changes } = await checked({ listen_tcp: true }, target)
    expect(changes).toMatchObject([{ resource: { name: '/etc/libvirt/virtproxyd.conf' } }])
    const qemud = hostWith(MODULAR, { '/etc/libvirt/virtqemud.conf': '' })
    await expect(checked({ listen_tcp: true }, qemud, '/etc/libvirt/virtqemud.conf')).rejects.toThrow(
      '`listen_tcp` is no key of virtqemud.conf in libvirt 10.10.0',
    )
  })

  test('a host without libvirt is told as that; with a path the version is what is missing', async () => {
    await expect(checked({ listen_tcp: true }, hostWith(''))).rejects.toMatchObject({
      message: 'libvirt is not installed on host1',
      help: expect.stringContaining('container'),
    })
    const { warnings } = await checked({ listen_tcp: true, listne_tcp: true }, hostWith(''), '/etc/libvirt/libvirtd.conf')
    expect(warnings).toEqual([
      'the version of libvirt on host1 is unknown: no daemon of it was found',
      '`listne_tcp` is no key of libvirtd.conf up to libvirt 12.8.0: its value is not checked; did you mean `listen_tcp`?',
    ])
  })

  // What libvirt 9.0.0 and 11.3.0 refused, and what they accepted to no effect.
  test.each<[Given['options'], string]>([
    [{ listen_tcp: 'yes' }, 'give true or false'],
    [{ auth_tcp: 'foo' }, 'give one of none, sasl'],
    [{ auth_unix_rw: 'foo' }, 'give one of none, sasl, polkit'],
    [{ tcp_port: 99999 }, 'give a port from 1 to 65535'],
    [{ tcp_port: 'abc' }, 'give a port from 1 to 65535'],
    [{ max_clients: '5000' }, 'give a whole number from 0 to 4294967295'],
    [{ max_workers: 0 }, 'give a whole number from 1'],
    [{ max_clients: -1 }, 'give a whole number from 0'],
    [{ keepalive_interval: 1.5 }, 'give true or false, a whole number'],
    [{ tls_allowed_dn_list: 'x' }, 'give a list of texts'],
    [{ tls_allowed_dn_list: ['x', 1] }, 'give true or false'],
    [{ host_uuid: 'x' }, 'give a UUID'],
    [{ host_uuid: '00000000-0000-0000-0000-000000000000' }, 'give a UUID'],
    [{ host_uuid: '11111111-1111-1111-1111-111111111111' }, 'give a UUID'],
    [{ host_uuid_source: 'nonsense' }, 'give one of smbios, machine-id'],
    [{ log_level: 9 }, 'give a whole number from 1 to 4'],
    [{ log_filters: 'nonsense' }, 'give filters as'],
    [{ log_outputs: '1:file' }, 'give outputs as'],
    [{ unix_sock_rw_perms: 'abc' }, 'give an octal mode in quotes'],
    [{ listen_addr: '' }, 'give an address'],
    [{ tcp_min_ssf: 56 }, 'give a whole number from 112'],
    [{ 'listen tcp': true }, ''],
    [{}, 'give a key and its value'],
  ])('%j is refused without a host', (options, help) => {
    const refusal = (() => {
      try {
        return void libvirtdConf.validate?.({ options, create: false })
      } catch (error) {
        return error as Error & { readonly help?: string }
      }
    })()
    expect(refusal).toMatchObject({ kind: 'input' })
    expect(refusal?.help ?? '').toContain(help)
  })

  test.each<Given['options']>([
    { min_workers: 50, max_workers: 10 },
    { keepalive_interval: -1 },
    { auth_unix_rw: 'polkit' },
    { tcp_port: '16509' },
    { listen_tcp: 1 },
    { log_filters: '1:qemu 3:+util', log_outputs: '3:syslog:libvirtd 1:file:/var/log/x' },
    { host_uuid: '4dea22b3-1d52-d8f3-2516-782e98ab3fa0' },
  ])('%j is accepted', async (options) => {
    expect((await checked(options)).changes).not.toEqual([])
  })

  test('a misspelt key is refused with the nearest name, one that is too new with its version', async () => {
    await expect(checked({ listne_tcp: true })).rejects.toThrow(
      '`listne_tcp` is no key of libvirtd.conf in libvirt 9.0.0; did you mean `listen_tcp`?',
    )
    await expect(checked({ key_files: ['/a'] })).rejects.toThrow(
      '`key_files` of libvirtd.conf needs libvirt 11.10.0, the host has 9.0.0',
    )
    await expect(checked({ no_such_key: null })).resolves.toMatchObject({ changes: [] })
  })

  test('a key of a libvirt newer than the table is set with a warning', async () => {
    const newer = hostWith('libvirtd (libvirt) 13.0.0\nactive libvirtd\n')
    const { changes, warnings } = await checked({ brand_new: 1 }, newer)
    expect(changes).toHaveLength(1)
    expect(warnings).toEqual([expect.stringContaining('`brand_new` is no key of libvirtd.conf up to libvirt 12.8.0')])
  })

  test('a group that the host does not know is refused', async () => {
    await expect(checked({ unix_sock_group: 'nosuch' }, hostWith(`${DEBIAN_12}missing nosuch\n`))).rejects.toThrow(
      'unknown group nosuch on host1',
    )
  })

  test('a file that the daemon could not start with is told with its line', async () => {
    const broken = (text: string) => hostWith(DEBIAN_12, { '/etc/libvirt/libvirtd.conf': text })
    await expect(checked({ listen_tcp: true }, broken('#\nauth_tcp = none\n'))).rejects.toThrow(
      'libvirt cannot read /etc/libvirt/libvirtd.conf: line 2: expecting a value',
    )
    await expect(checked({ listen_tcp: true }, broken('#\nmax_workers = 0\n'))).rejects.toThrow(
      'libvirt would not start with /etc/libvirt/libvirtd.conf: line 2: `max_workers` needs a whole number from 1 to 4294967295',
    )
    const mended = await checked({ max_workers: 5 }, broken('max_workers = 0\n'))
    expect(mended.changes).toHaveLength(1)
    // A later line is not looked at, and libvirt itself accepts such a port.
    await checked({ listen_tcp: true }, broken('max_workers = 5\nmax_workers = 0\ntcp_port = "99999"\n'))
  })

  test('lines without an effect that are there already are warned of', async () => {
    const { warnings } = await checked(
      { listen_tcp: true },
      hostWith(DEBIAN_12, { '/etc/libvirt/libvirtd.conf': '\nlisten_tpc = 1\n' }),
    )
    expect(warnings).toEqual([
      'line 2 of /etc/libvirt/libvirtd.conf has no effect: `listen_tpc` is no key of libvirtd.conf in libvirt 9.0.0; did you mean `listen_tcp`?',
    ])
  })

  const URL_WITH_PASSWORD = 'tls://u:secretpw@h/'
  test.each<[string, Given['options'], string, number]>([
    ['by its name', { vnc_password: 'x' }, '', 1],
    ['in the new value', { migration_host: URL_WITH_PASSWORD }, 'migration_host = "x"\n', 1],
    ['in the old value', { migration_host: 'x' }, `migration_host = "${URL_WITH_PASSWORD}"\n`, 1],
    ['in the old value of a removed key', { migration_host: null }, `migration_host = "${URL_WITH_PASSWORD}"\n`, 1],
    [
      'in a later line, which libvirt ignores',
      { migration_host: 'x' },
      `migration_host = "y"\nmigration_host = "${URL_WITH_PASSWORD}"\n`,
      2,
    ],
  ])('a password of qemu.conf is not for everybody to see: %s', async (_where, options, conf, count) => {
    const target = hostWith(DEBIAN_12, { '/etc/libvirt/qemu.conf': conf })
    const { changes } = await checked(options, target, '/etc/libvirt/qemu.conf')
    expect(changes.map(({ sensitive }) => sensitive)).toEqual(Array(count).fill(true))
  })

  test('a refused value is not shown if it holds a password', () => {
    const options = { listen_tcp: URL_WITH_PASSWORD }
    expect(() => libvirtdConf.validate?.({ options, create: false })).toThrow(
      'libvirt does not accept this value for `listen_tcp`',
    )
  })

  test('another file is refused, with those that are known', async () => {
    await expect(checked({ a: 1 }, hostWith(DEBIAN_12), '/etc/libvirt/virtlogd.conf')).rejects.toThrow(
      'the keys of /etc/libvirt/virtlogd.conf are unknown',
    )
  })

  test('two requests are enough when nothing is to be changed', async () => {
    const target = hostWith(DEBIAN_12)
    expect((await checked({ listen_tls: false }, target)).changes).toEqual([])
    expect(target.ran).toHaveLength(1)
  })
})
