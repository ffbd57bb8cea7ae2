/** Ends the step when the signal is aborted, even if the module does not watch the signal. */
export async function racing<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined)
    throw signal.reason
  }
  let onAbort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => void setTimeout(() => reject(signal.reason), GRACE_MS)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  aborted.catch(() => undefined)
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
/** A module that watches the signal has this long to report what is still running, before the step ends without it. */
const GRACE_MS = 3000
