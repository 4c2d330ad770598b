import { ChannelError } from './channel-error.ts'

/** The first pause, in ms; each one is twice the one before. */
const FIRST_MS = 1_000
const LONGEST_MS = 60_000
/** Pause while the account is not accepted, in ms. */
const UNAUTHORISED_MS = 300_000

/** How long to wait after the so-manieth failure in a row, from 1; what the service asks for comes first. */
export function pauseAfter(error: unknown, failures: number): number {
  const growing = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 10), LONGEST_MS)
  if (!(error instanceof ChannelError)) return growing
  if (error.kind === 'unauthorised') return UNAUTHORISED_MS
  return Math.max(error.retryAfterMs ?? 0, error.kind === 'busy' ? 0 : growing)
}

/** Resolves after `ms`, or early when the signal aborts; never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const wake = () => resolve()
  signal.addEventListener('abort', wake, { once: true })
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', wake)
}
