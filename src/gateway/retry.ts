import { setTimeout as delay } from 'node:timers/promises'
import { GatewayError, stalled } from './gateway-error.ts'
import type { ModelClient, ModelEvent, ModelRequest } from './model.ts'

/** The settings of `client.retry` and `client.stall_threshold_sec`, times in milliseconds. */
export interface RetryPolicy {
  /** false: one attempt only. */
  readonly enabled: boolean
  /** Attempts in all, the first included. */
  readonly maxAttempts: number
  readonly initialBackoffMs: number
  /** No pause is longer, whatever a Retry-After asks for. */
  readonly maxBackoffMs: number
  readonly backoffMultiplier: number
  readonly retryableStatusCodes: readonly number[]
  /** An answer from which nothing comes for so long is given up, and counts as a failed attempt. 0: never. */
  readonly stallThresholdMs: number
}

export interface RetryOptions {
  readonly policy: RetryPolicy
  /** The gateway's address, for the sentence about a stall. */
  readonly url: string
  /**
   * Until the gateway has answered this client once, an address that refuses or does not resolve fails at once: a
   * person who has started no gateway yet should not wait for five attempts. Unattended runs pass false.
   */
  readonly failFast: boolean
  /** Waits between attempts; rejects when the signal is aborted. Tests pass their own. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Repeats failed requests of a client.
 *
 * Tried again: addresses that do not answer (but see `failFast`), broken connections, timeouts, stalls, answers that
 * broke off, and the statuses of the policy. The pause grows from the initial backoff by the multiplier; a Retry-After
 * replaces it; neither passes the longest backoff.
 *
 * Every new attempt is announced by a `retry` event, followed by `reset` if the failed one had yielded a part of the
 * turn, so text can be shown as it comes and is still never doubled.
 */
export function withRetries(client: ModelClient, options: RetryOptions): ModelClient {
  const { policy, failFast } = options
  const sleep = options.sleep ?? ((ms, signal) => delay(ms, undefined, { signal }))
  const maxAttempts = policy.enabled ? Math.max(1, policy.maxAttempts) : 1
  let answered = false
  const onAnswer = () => {
    answered = true
  }

  /** The pause before the next attempt; throws when there is to be none. */
  function pauseAfter(error: unknown, attempt: number): number {
    if (!(error instanceof GatewayError)) throw error
    if (error.status !== undefined || error.failure === 'wrong_url') onAnswer()
    if (!isRetryable(error, policy, failFast && !answered)) throw error.afterAttempts(attempt)
    if (attempt >= maxAttempts) throw error.afterAttempts(attempt)
    const backoff = policy.initialBackoffMs * policy.backoffMultiplier ** (attempt - 1)
    return Math.min(error.retryAfterMs ?? backoff, policy.maxBackoffMs)
  }

  async function pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
    signal.throwIfAborted()
  }

  async function* stream(request: ModelRequest): AsyncGenerator<ModelEvent, void, undefined> {
    for (let attempt = 1; ; attempt += 1) {
      let yielded = false
      try {
        for await (const event of watchForStall(client, request, options, onAnswer)) {
          yielded = true
          yield event
        }
        return
      } catch (error) {
        const delayMs = pauseAfter(error, attempt)
        const reason = (error as GatewayError).message
        yield { type: 'retry', attempt: attempt + 1, maxAttempts, delayMs, reason }
        if (yielded) yield { type: 'reset' }
        await pause(delayMs, request.signal)
      }
    }
  }

  async function listModels(signal: AbortSignal): Promise<string[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const models = await client.listModels(signal)
        onAnswer()
        return models
      } catch (error) {
        await pause(pauseAfter(error, attempt), signal)
      }
    }
  }

  const contextWindow = async (model: string, signal: AbortSignal) => await client.contextWindow?.(model, signal)

  return { stream, listModels, contextWindow }
}

function isRetryable(error: GatewayError, policy: RetryPolicy, giveUpWhenRefused: boolean): boolean {
  switch (error.failure) {
    case 'refused':
      return !giveUpWhenRefused
    case 'network':
    case 'timeout':
    case 'stalled':
    case 'broken_stream':
      return true
    case 'status':
      return error.status !== undefined && policy.retryableStatusCodes.includes(error.status)
    default:
      return false
  }
}

/** Passes on the events of one attempt and ends it when nothing comes. The time that the consumer takes is not counted. */
async function* watchForStall(
  client: ModelClient,
  request: ModelRequest,
  { policy, url }: RetryOptions,
  onAnswer: () => void,
): AsyncGenerator<ModelEvent, void, undefined> {
  const attempt = new AbortController()
  const threshold = policy.stallThresholdMs
  const failure = stalled(url, threshold / 1000)
  /** Since when nothing came counts only while an event is waited for. */
  let waiting = false
  let ended = false
  const stop = () => {
    if (waiting) attempt.abort(failure)
  }
  const timer = threshold > 0 ? setTimeout(stop, threshold) : undefined
  const restart = () => {
    // A refresh would start a cleared timer again.
    if (!ended) timer?.refresh()
  }
  const events = client
    .stream({
      ...request,
      signal: AbortSignal.any([request.signal, attempt.signal]),
      onActivity: () => {
        onAnswer()
        restart()
        request.onActivity?.()
      },
    })
    [Symbol.asyncIterator]()
  try {
    for (;;) {
      waiting = true
      restart()
      const next = await events.next()
      waiting = false
      if (next.done) return
      onAnswer()
      yield next.value
    }
  } finally {
    ended = true
    clearTimeout(timer)
    await events.return?.()
  }
}
