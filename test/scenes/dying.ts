import { appendFileSync, readFileSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Event } from '../../runner/events/events.ts'

/**
 * Loaded into the built program by `node --import`: has the kernel end it (SIGKILL) the first time that it comes to a point where no earlier
 * life of the run has died. There are three such points for an event: it has happened and is not yet in the journal (`lost`); half of what is
 * being written to the journal is on the disk (`torn`); all of it is (`kept`). The file named by DEATHS remembers them from life to life.
 */
const deaths = process.env['DEATHS'] ?? ''
const died = new Set(readFileSync(deaths, 'utf8').split('\n'))

function dieOnce(points: readonly string[], last: () => void = () => undefined): void {
  const fresh = points.filter((point) => !died.has(point))
  if (fresh.length === 0) return
  appendFileSync(deaths, fresh.map((point) => `${point}\n`).join(''))
  last()
  process.kill(process.pid, 'SIGKILL')
}

const points = (way: 'lost' | 'torn' | 'kept', text: string): readonly string[] =>
  text.split('\n').flatMap((line) => {
    if (!line.startsWith('{"type":"')) return []
    const event = JSON.parse(line) as Event
    // A half line of one kind is as good as another, and so are replayed steps of one task.
    if (way === 'torn') return [`${way} ${event.type}`]
    if (event.type === 'step-replayed') return [`${way} ${event.type} ${event.step.task}`]
    const about = 'step' in event ? event.step.key : 'task' in event ? event.task : 'play' in event ? event.play : ''
    return [`${way} ${event.type} ${'host' in event ? `${event.host} ` : ''}${about}`]
  })

const write = process.stdout.write.bind(process.stdout)
process.stdout.write = ((text: string, ...more: []) => {
  dieOnce(points('lost', text))
  return write(text, ...more)
}) as typeof process.stdout.write

const file = await open('/dev/null')
const handle = Object.getPrototypeOf(file) as FileHandle
await file.close()
const { appendFile, datasync } = handle
const written = new WeakMap<FileHandle, string>()
handle.appendFile = function (text, ...more) {
  const whole = String(text)
  // What is written together is kept, or not, together: one death is enough.
  dieOnce(points('torn', whole).slice(-1), () => writeSync(this.fd, whole.slice(0, -Math.ceil(whole.length / 2))))
  written.set(this, whole)
  return appendFile.call(this, text, ...more)
}
handle.datasync = async function () {
  await datasync.call(this)
  dieOnce(points('kept', written.get(this) ?? '').slice(-1))
}
