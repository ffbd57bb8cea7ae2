import type { Event } from '../events/events.ts'

/** One event a line. What `undo` needs is for the journal alone. */
export const jsonLine = (event: Event): string =>
  `${JSON.stringify(event, (key, value) => (key === 'undo' ? undefined : value))}\n`
