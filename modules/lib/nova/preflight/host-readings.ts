/** Parsers for the output of /proc, virsh and qemu-img. Pure; called by probe-host.ts. */
import { Failure, parseXml, type Xml } from '../../../../runner/module.ts'
import type { DiskFile, Domain, Folder, Listening } from './evidence.ts'

/** Separator between the answers about several servers: a character that is illegal in XML and JSON. */
export const SEPARATOR = '\x1e'

/** Parses listening sockets of /proc/net/tcp or tcp6: local address and port in hexadecimal, state 0A. */
export function listeningSockets(table: string): readonly Listening[] {
  return table.split('\n').flatMap((line) => {
    const [, hex, port, state] = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})/.exec(line) ?? []
    return hex === undefined || port === undefined || state !== '0A' ? [] : [{ address: address(hex), port: parseInt(port, 16) }]
  })
}

/**
 * The kernel prints an address as 32-bit words in the machine's byte order. All machines that run Nova are
 * little-endian.
 */
function address(hex: string): string {
  const bytes = hex.match(/.{8}/g)!.flatMap((word) =>
    word
      .match(/../g)!
      .map((byte) => parseInt(byte, 16))
      .reverse(),
  )
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.every((byte) => byte === 0)) return '::'
  // An IPv4 address inside an IPv6 socket.
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255) return bytes.slice(12).join('.')
  return Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)).join(':')
}

/** Lines of `SIZE FREE`, such as `2048kB 512`. */
export const hugePages = (text: string): readonly { kib: number; free: number }[] =>
  [...text.matchAll(/^(\d+)kB (\d+)$/gm)].map(([, kib, free]) => ({ kib: Number(kib), free: Number(free) }))

/** `virsh capabilities`: the host's UUID, its CPU, and the machine types of its QEMU. */
export function capabilities(text: string): {
  readonly uuid: string | undefined
  readonly cpu: string | undefined
  readonly machines: readonly string[]
} {
  const xml = readable(text)
  const [host, architectures] = [xml?.at('host'), xml?.all('guest/arch') ?? []]
  // A domain type of an architecture may have machines of its own.
  const machines = architectures.flatMap((each) => [...each.all('machine'), ...each.all('domain/machine')])
  return {
    uuid: host?.at('uuid')?.text,
    cpu: host?.at('cpu')?.toString(),
    machines: [...new Set(machines.map((each) => each.text))],
  }
}

/** The root element; undefined if the host gave no answer, or half of one. */
function readable(text: string): Xml | undefined {
  try {
    return parseXml(text)
  } catch (error) {
    if (error instanceof Failure) return undefined
    throw error
  }
}

/** `virsh version`: the version of libvirt, as `9.0.0`. */
export const libvirtVersion = (text: string): string | undefined => /Using library: libvirt (\S+)/.exec(text)?.[1]

/** `virsh dumpxml` of a running guest: its configuration since the start. */
export function domain(text: string): Domain | undefined {
  const xml = readable(text)
  const type = xml?.attributes['type']
  if (type === undefined) return undefined
  const cpu = xml?.at('cpu')
  return {
    type,
    machine: xml?.at('os/type')?.attributes['machine'],
    cpuMode: cpu?.attributes['mode'],
    cpuXml: cpu?.toString(),
  }
}

interface QemuImage {
  readonly filename: string
  readonly 'virtual-size': number
  readonly 'actual-size'?: number
}

/** `qemu-img info --output=json --backing-chain` of several files, each answer followed by the separator. */
export const diskFiles = (text: string): readonly DiskFile[] =>
  text.split(SEPARATOR).flatMap((json) => {
    const [top, base] = parsed(json)
    if (top === undefined) return []
    const backing =
      base === undefined ? {} : { backing: { path: base.filename, size: base['actual-size'] ?? base['virtual-size'] } }
    return [{ path: top.filename, virtual: top['virtual-size'], ...backing }]
  })

function parsed(json: string): readonly QemuImage[] {
  try {
    const value: unknown = JSON.parse(json)
    return Array.isArray(value) ? (value as QemuImage[]) : []
  } catch {
    return []
  }
}

/** Lines of `NAME INODE MTIME`. */
export const folders = (text: string): Readonly<Record<string, Folder>> =>
  Object.fromEntries(
    [...text.matchAll(/^(\S+) (\d+) (\S+)$/gm)].map(([, name, inode, mtime]) => [name!, { inode: inode!, mtime: mtime! }]),
  )

/** `df -Pk`: free space for a process without root, in bytes. */
export function freeSpace(text: string): number | undefined {
  const kib = text.trim().split('\n').at(-1)?.trim().split(/\s+/)[3]
  return kib === undefined || !/^\d+$/.test(kib) ? undefined : Number(kib) * 1024
}

/** Lines of `NAME ADDRESS`. */
export function addresses(text: string): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {}
  for (const [, name, address] of text.matchAll(/^(\S+) (\S+)$/gm)) (found[name!] ??= []).push(address!)
  return found
}
