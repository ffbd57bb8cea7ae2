/** ss and qemu-img. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { failed, parseArgs, said } from './command.ts'
import type { Answer, Command } from './command.ts'
import { qcow2VirtualSize } from './qcow2.ts'

export interface Listener {
  readonly address: string
  readonly port: number
  readonly program: string
  readonly pid: number
}

/** Listening TCP sockets, whatever filter is asked for but for the port. */
export function ss(listeners: readonly Listener[], command: Command): Answer {
  const { flags } = parseArgs(command.args, ['-f', '--family', '-A', '--query'])
  const port = /\b(?:sport|dport)\s*(?:=|eq|==)\s*:?(\d+)/.exec(command.args.join(' '))?.[1]
  const shown = listeners.filter((listener) => port === undefined || listener.port === Number(port))
  const processes = flags.has('-p') || flags.has('--processes')
  const header =
    flags.has('-H') || flags.has('--no-header') ? '' : `State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n`
  const lines = shown.map(({ address, port: at, program, pid }) => {
    const who = processes ? `users:(("${program}",pid=${pid},fd=11))` : ''
    return `LISTEN 0      1000   ${`${address}:${at}`.padEnd(15)} 0.0.0.0:* ${who}\n`
  })
  return said(header + lines.join(''))
}

interface Image {
  readonly filename: string
  readonly format: 'qcow2' | 'raw'
  readonly virtualSize: number
  readonly actualSize: number
}

/** @param root the host's `/` as a path here */
export function qemuImg(root: string, command: Command): Answer {
  const [verb, ...rest] = command.args
  if (verb === '--version' || verb === '-V')
    return said(
      'qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c) 2003-2022 Fabrice Bellard and the QEMU Project developers\n',
    )
  const { flags, values, words } = parseArgs(rest, ['--output', '-f', '--object', '-r'])
  const file = words[0]
  if (verb !== 'info' && verb !== 'check') return failed(1, `qemu-img: the simulated host knows only info and check\n`)
  if (file === undefined || words.length > 1)
    return failed(1, "qemu-img: Expecting one image file name\nTry 'qemu-img --help' for more information\n")
  const image = readImage(root, isAbsolute(file) ? file : join(command.cwd, file), file)
  if (image === undefined)
    return failed(1, `qemu-img: Could not open '${file}': Could not open '${file}': No such file or directory\n`)
  if (verb === 'check') return said('No errors were found on the image.\n')
  const json = values.get('--output')?.[0] === 'json'
  if (json) return said(`${JSON.stringify(flags.has('--backing-chain') ? [jsonInfo(image)] : jsonInfo(image), undefined, 4)}\n`)
  return said(humanInfo(image))
}

function readImage(root: string, path: string, filename: string): Image | undefined {
  try {
    const real = join(root, path)
    const { size, blocks } = statSync(real)
    const header = Buffer.alloc(104)
    const handle = openSync(real, 'r')
    readSync(handle, header, 0, 104, 0)
    closeSync(handle)
    const virtualSize = qcow2VirtualSize(header)
    return {
      filename,
      format: virtualSize === undefined ? 'raw' : 'qcow2',
      virtualSize: virtualSize ?? size,
      actualSize: blocks * 512,
    }
  } catch {
    return undefined
  }
}

const jsonInfo = (image: Image) => ({
  'virtual-size': image.virtualSize,
  filename: image.filename,
  ...(image.format === 'qcow2' ? { 'cluster-size': 65536 } : {}),
  format: image.format,
  'actual-size': image.actualSize,
  ...(image.format === 'qcow2'
    ? {
        'format-specific': {
          type: 'qcow2',
          data: {
            compat: '1.1',
            'compression-type': 'zlib',
            'lazy-refcounts': false,
            'refcount-bits': 16,
            corrupt: false,
            'extended-l2': false,
          },
        },
      }
    : {}),
  'dirty-flag': false,
})

const humanInfo = (image: Image) =>
  [
    `image: ${image.filename}`,
    `file format: ${image.format}`,
    `virtual size: ${size(image.virtualSize)} (${image.virtualSize} bytes)`,
    `disk size: ${size(image.actualSize)}`,
    ...(image.format === 'qcow2'
      ? [
          'cluster_size: 65536',
          'Format specific information:',
          '    compat: 1.1',
          '    compression type: zlib',
          '    lazy refcounts: false',
          '    refcount bits: 16',
          '    corrupt: false',
          '    extended l2: false',
        ]
      : []),
    '',
  ].join('\n')

const size = (bytes: number) =>
  bytes >= 1024 ** 3
    ? `${round(bytes / 1024 ** 3)} GiB`
    : bytes >= 1024 ** 2
      ? `${round(bytes / 1024 ** 2)} MiB`
      : `${round(bytes / 1024)} KiB`
const round = (value: number) => String(Number(value.toPrecision(3)))
