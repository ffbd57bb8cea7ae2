import { setMaxListeners } from 'node:events'

/**
 * Allows any number of listeners: every connection and running command listens to a run's signal, and Node warns at
 * the eleventh.
 */
export function allowListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal)
  return signal
}
