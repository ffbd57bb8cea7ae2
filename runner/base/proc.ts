/** Reads a figure of /proc/meminfo (proc_meminfo(5)), in KiB; undefined if the kernel gives none of that name. */
export function kibOf(meminfo: string, name: string): number | undefined {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(meminfo)?.[1]
  return kib === undefined ? undefined : Number(kib)
}
