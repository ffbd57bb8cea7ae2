/** Says what is being done: one line that changes on a terminal, one line a step and a sign of life elsewhere. */
export interface Progress {
  /** Runs a step under its name. `note` adds what it is at right now. */
  step<T>(name: string, work: (note: (text: string) => void) => Promise<T>): Promise<T>
  say(text: string): void
}

export interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

interface Running {
  readonly name: string
  readonly since: number
  note: string
}

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1)
const signOfLife = 30_000

/** Shows the steps on a terminal or in a log; several may run at once. Ends with the process: its timers hold nothing up. */
export const progressOn = (terminal: Terminal): Progress => {
  const running = new Set<Running>()
  const live = terminal.isTTY === true
  const clear = live ? '\r\x1b[K' : ''

  const draw = () => {
    const steps = [...running].map(({ name, since, note }) => `${name} ${seconds(since)} s${note ? ` (${note})` : ''}`)
    if (live) terminal.write(clear + steps.join(' · ').slice(0, (terminal.columns ?? 80) - 1))
  }
  const print = (text: string) => {
    terminal.write(`${clear}${text}\n`)
    draw()
  }

  return {
    say: print,
    step: async (name, work) => {
      const mine: Running = { name, since: performance.now(), note: '' }
      running.add(mine)
      if (!live) print(`… ${name}`)
      const timer = setInterval(
        () => {
          if (live) draw()
          else print(`  ${name}: ${seconds(mine.since)} s${mine.note ? `, ${mine.note}` : ''}`)
        },
        live ? 200 : signOfLife,
      )
      timer.unref()
      try {
        draw()
        const value = await work((text) => {
          mine.note = text
        })
        running.delete(mine)
        print(`✔ ${name} ${seconds(mine.since)} s`)
        return value
      } catch (error) {
        running.delete(mine)
        print(`✖ ${name} ${seconds(mine.since)} s`)
        throw error
      } finally {
        clearInterval(timer)
      }
    },
  }
}
