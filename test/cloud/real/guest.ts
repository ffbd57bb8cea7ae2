import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sources, type Layout } from './layout.ts'
import { run } from './program.ts'

/** What the guest does beside counting. */
export interface Load {
  /** Pages of 4 KiB written in each tick of 55 ms. */
  readonly pages: number
  /** Written again and again below this many MiB; less than the flavor's memory. */
  readonly limit: number
}

const sectorSize = 512
/** Where guest.S has its two numbers. */
const numbersAt = 0x1f0

/** Puts the load into an assembled boot sector. */
export const withLoad = (sector: Uint8Array, { pages, limit }: Load): Uint8Array => {
  const copy = Uint8Array.from(sector)
  const view = new DataView(copy.buffer)
  view.setUint32(numbersAt, pages, true)
  view.setUint32(numbersAt + 4, limit * 2 ** 20, true)
  return copy
}

/** The boot sector, assembled with binutils from guest.S. */
export const assemble = async (): Promise<Uint8Array> => {
  const folder = await mkdtemp(join(tmpdir(), 'guest-'))
  try {
    const object = join(folder, 'guest.o')
    const binary = join(folder, 'guest.bin')
    await run(['as', '--32', '-o', object, join(sources, 'guest.S')])
    await run(['ld', '-m', 'elf_i386', '-Ttext', '0x7c00', '--oformat', 'binary', '-o', binary, object])
    const sector = await readFile(binary)
    if (sector.length !== sectorSize) throw new Error(`guest.S makes ${sector.length} bytes instead of a sector`)
    return sector
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The images of the cloud: `tick` only counts, `dirty` also writes memory faster than a slowed-down migration can carry it. */
export const loads = {
  tick: { pages: 0, limit: 2 },
  dirty: { pages: 4000, limit: 192 },
} as const satisfies Record<string, Load>

export type ImageName = keyof typeof loads

/** Writes a bootable raw image of 4 MiB for each load; returns their paths. */
export const makeImages = async (layout: Layout): Promise<Readonly<Record<ImageName, string>>> => {
  const sector = await assemble()
  await mkdir(layout.images, { recursive: true })
  const make = async (name: ImageName): Promise<string> => {
    const path = join(layout.images, `${name}.img`)
    await writeFile(path, withLoad(sector, loads[name]))
    await truncate(path, 4 * 2 ** 20)
    return path
  }
  return { tick: await make('tick'), dirty: await make('dirty') }
}

/** What a guest says of itself. */
export interface Counters {
  readonly boot: number
  readonly up: number
  readonly disk: number
}

/** The last whole line of a guest's console; undefined before it has written one. */
export const countersIn = (console: string): Counters | undefined => {
  const last = [...console.matchAll(/^boot=(\d+) up=(\d+) disk=(\d+)\r?\n/gm)].at(-1)
  return last && { boot: Number(last[1]), up: Number(last[2]), disk: Number(last[3]) }
}
