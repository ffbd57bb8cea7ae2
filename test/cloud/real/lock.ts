import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Layout } from './layout.ts'

/**
 * Runs `work` while nobody else does anything to this cloud; waits for its turn. The kernel frees the lock when this process ends,
 * however it ends.
 */
export const alone = async <T>(layout: Layout, waiting: () => void, work: () => Promise<T>): Promise<T> => {
  await mkdir(layout.root, { recursive: true })
  const holder = spawn('flock', ['--no-fork', join(layout.root, 'lock'), 'sh', '-c', 'echo mine; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const timer = setTimeout(waiting, 500)
  await new Promise<void>((resolve, reject) => {
    holder.on('error', reject).on('exit', () => reject(new Error('the lock of the cloud was lost')))
    holder.stdout.once('data', () => resolve())
  }).finally(() => clearTimeout(timer))
  try {
    return await work()
  } finally {
    holder.removeAllListeners('exit')
    const ended = new Promise((resolve) => holder.on('exit', resolve))
    holder.stdin.end()
    await ended
  }
}
