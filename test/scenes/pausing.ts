import { existsSync, writeFileSync } from 'node:fs'

/**
 * Loaded into the built program by `node --import`: it stands still at the event that PAUSE_AT names (`TYPE NUMBER`, counted from 1), says so by a
 * file `paused`, and goes on when there is a file `go`. So something can be done to it or its surroundings at just that moment.
 */
const [type = '', number = '1'] = (process.env['PAUSE_AT'] ?? '').split(' ')
let left = Number(number)
const clock = new Int32Array(new SharedArrayBuffer(4))

const write = process.stdout.write.bind(process.stdout)
process.stdout.write = ((text: string, ...more: []) => {
  const written = write(text, ...more)
  left -= text.split(`{"type":"${type}"`).length - 1
  if (left <= 0 && !existsSync('paused')) {
    writeFileSync('paused', '')
    while (!existsSync('go')) Atomics.wait(clock, 0, 0, 10)
  }
  return written
}) as typeof process.stdout.write
