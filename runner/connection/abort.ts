import { setMaxListeners } from 'node:events'

/** A run's signal is listened to by every connection and every command under way: Node would warn of a leak at the eleventh. */
export function allowListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal)
  return signal
}
