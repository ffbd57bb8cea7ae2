import type { Event } from '../events.ts'

/** One event a line. The before-image is for the journal alone: it can hold whole files. */
export const jsonLine = (event: Event): string =>
  `${JSON.stringify(event.type === 'apply-started' ? { type: event.type, at: event.at, step: event.step } : event)}\n`
