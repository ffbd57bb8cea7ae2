import type { Event } from '../events/events.ts'

/** Renders one event as a line of JSON. The data for `undo` is for the journal alone. */
export const jsonLine = (event: Event): string =>
  `${JSON.stringify(event, (key, value) => (key === 'undo' ? undefined : value))}\n`
