/** virsh domjobinfo. */
import { MiB } from '../guest.ts'
import type { Job } from '../nova/engine.ts'

/** Padded as virsh does it. */
export function jobInfo(job: Job | undefined): string {
  if (job === undefined) return 'Job type:         None        \n\n'
  const { copy } = job
  const disk = copy.diskTotal - copy.diskRemaining
  const rows: readonly (readonly [string, string])[] = [
    ['Job type:', 'Unbounded   '],
    ['Operation:', 'Outgoing migration'],
    ['Time elapsed:', `${String(Math.round(copy.elapsed * 1000)).padEnd(12)} ms`],
    ['Data processed:', mib(copy.memoryProcessed + disk)],
    ['Data remaining:', mib(copy.memoryRemaining + copy.diskRemaining)],
    ['Data total:', mib(copy.memoryTotal + copy.diskTotal)],
    ['Memory processed:', mib(copy.memoryProcessed)],
    ['Memory remaining:', mib(copy.memoryRemaining)],
    ['Memory total:', mib(copy.memoryTotal)],
    ['Memory bandwidth:', `${mib(job.rate)}/s`],
    ...(copy.iteration > 1
      ? [['Dirty rate:', `${String(Math.round(job.paused ? 0 : job.dirtyRate / 4096)).padEnd(12)} pages/s`] as const]
      : []),
    ['Page size:', '4096         bytes'],
    ['Iteration:', String(copy.iteration).padEnd(12)],
    ['Postcopy requests:', '0           '],
    ['File processed:', mib(disk)],
    ['File remaining:', mib(copy.diskRemaining)],
    ['File total:', mib(copy.diskTotal)],
    ['Constant pages:', '0           '],
    ['Normal pages:', String(Math.round(copy.memoryProcessed / 4096)).padEnd(12)],
    ['Normal data:', mib(copy.memoryProcessed)],
    ['Expected downtime:', '300          ms'],
    ['Setup time:', '0            ms'],
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(17)} ${value}\n`).join('')}\n`
}

/** virsh picks the unit by size; three decimals, padded. */
function mib(bytes: number): string {
  const [value, unit] =
    bytes >= 1024 * MiB
      ? [bytes / (1024 * MiB), 'GiB']
      : bytes >= MiB
        ? [bytes / MiB, 'MiB']
        : bytes >= 1024
          ? [bytes / 1024, 'KiB']
          : [bytes, 'B']
  return `${value.toFixed(3).padEnd(12)} ${unit}`
}
