import { setTimeout as sleep } from 'node:timers/promises'
import { InferError } from '#errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobRunStorage } from '#storage/contract/job-runs.ts'

export interface RunLeaseOptions {
  readonly runs: Pick<JobRunStorage, 'start' | 'renew' | 'finish'>
  readonly runId: string
  /** The claim that this process was started for. */
  readonly fence: number
  readonly pid: number
  readonly host: string
  readonly sessionId: string
  /** Between two renewals, and the age from which a call renews first. Default 15,000 ms. */
  readonly renewMs?: number
  /** Age of the last confirmed renewal from which no call begins. Default 45,000 ms. */
  readonly graceMs?: number
  /** Pause before something that the store did not answer is tried again. Default 1,000 ms. */
  readonly retryMs?: number
  /** How long start is tried while the store does not answer. Default 10,000 ms. */
  readonly startForMs?: number
  /** How long finish is tried while the store does not answer. Default 10 minutes; 10 s once `stop` is aborted. */
  readonly finishForMs?: number
  /** Wall clock in ms; a suspended machine shows here only. */
  readonly wall?: () => number
  /** Monotonic clock in ms. */
  readonly monotonic?: () => number
}

export interface RunEnd {
  readonly state: 'succeeded' | 'failed' | 'interrupted'
  readonly reason?: string
  readonly output?: string
}

const RENEW_MS = 15_000
const GRACE_MS = 45_000
const RETRY_MS = 1_000
const START_FOR_MS = 10_000
const FINISH_FOR_MS = 600_000
const STOPPED_FINISH_FOR_MS = 10_000

/**
 * The child's first act: `claimed -> running` on its fence, before any call of a model. Throws E_CONFLICT when the
 * claim is no longer this process's; then nothing may be done. Tried again while the store does not answer.
 */
export async function startRun(options: RunLeaseOptions): Promise<RunLease> {
  const { runs, runId, fence, pid, host, sessionId } = options
  const by = { pid, host, sessionId }
  const run = await persist(
    () => runs.start(runId, fence, by),
    options,
    () => options.startForMs ?? START_FOR_MS,
  )
  return new RunLease(run, options)
}

/**
 * The right to go on with a run: renewed on a timer, lost when the store refuses a renewal.
 *
 * While the store does not answer, calls may begin for `graceMs` after the last confirmed renewal; then they wait until
 * the store confirms or refuses. Ages are the larger one of the wall and the monotonic clock. So no call begins after a
 * refusal; one in flight is stopped through `signal`.
 */
export class RunLease implements Disposable {
  /** As the store has it; holds the snapshot of the definition. */
  readonly run: JobRun
  readonly #options: RunLeaseOptions
  readonly #lost = new AbortController()
  readonly #timer: NodeJS.Timeout
  #confirmed: { wall: number; monotonic: number }
  #renewal: Promise<boolean> | undefined

  constructor(run: JobRun, options: RunLeaseOptions) {
    this.run = run
    this.#options = options
    this.#confirmed = this.#clocks()
    this.#timer = setInterval(() => void this.#renew(), options.renewMs ?? RENEW_MS)
  }

  /** Aborted, with the reason, when a renewal is refused: stop at once. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /**
   * Called before every call of a model or a tool. Returns when the call may begin; throws the reason of the loss, or
   * that of `stop`.
   */
  async confirm(stop: AbortSignal): Promise<void> {
    const { renewMs = RENEW_MS, graceMs = GRACE_MS, retryMs = RETRY_MS } = this.#options
    for (;;) {
      this.signal.throwIfAborted()
      stop.throwIfAborted()
      if (this.#age() <= renewMs || (await this.#renew())) return
      this.signal.throwIfAborted()
      if (this.#age() <= graceMs) return
      await sleep(retryMs, undefined, { signal: AbortSignal.any([stop, this.signal]) }).catch(() => {})
    }
  }

  /**
   * Ends the run and stops renewing. Undefined when it was no longer this process's: somebody else has settled it.
   * Tried again while the store does not answer; throws its last error after that.
   */
  async finish(end: RunEnd, stop: AbortSignal): Promise<JobRun | undefined> {
    const { runs, runId, fence, sessionId, finishForMs = FINISH_FOR_MS } = this.#options
    const limit = () => (stop.aborted ? Math.min(finishForMs, STOPPED_FINISH_FOR_MS) : finishForMs)
    try {
      return await persist(() => runs.finish(runId, fence, { ...end, sessionId }), this.#options, limit)
    } catch (error) {
      if (isRefusal(error)) return undefined
      throw error
    } finally {
      this[Symbol.dispose]()
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  /** True when the store has confirmed; one at a time. */
  #renew(): Promise<boolean> {
    this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  async #renewOnce(): Promise<boolean> {
    const { runs, runId, fence } = this.#options
    // What counts is when it was asked: the answer may have been long on its way.
    const asked = this.#clocks()
    try {
      await runs.renew(runId, fence)
      this.#confirmed = asked
      return true
    } catch (error) {
      if (isRefusal(error)) this.#lose(error)
      return false
    }
  }

  #lose(cause: StorageError): void {
    this[Symbol.dispose]()
    const { runId, fence } = this.#options
    this.#lost.abort(
      new InferError('E_FAILED', `Run ${runId} is no longer held on fence ${fence}; it was stopped.`, { cause }),
    )
  }

  #clocks(): { wall: number; monotonic: number } {
    const { wall = Date.now, monotonic = () => performance.now() } = this.#options
    return { wall: wall(), monotonic: monotonic() }
  }

  #age(): number {
    const now = this.#clocks()
    return Math.max(now.wall - this.#confirmed.wall, now.monotonic - this.#confirmed.monotonic)
  }
}

/** The store has answered, and the answer is no. Anything else may pass. */
function isRefusal(error: unknown): error is StorageError {
  return error instanceof StorageError && (error.code === 'E_CONFLICT' || error.code === 'E_NOT_FOUND')
}

/** Tries again while the store does not answer, for at most `limitMs()`. Repeating each of these writes is safe. */
async function persist<T>(
  act: () => Promise<T>,
  { retryMs = RETRY_MS }: RunLeaseOptions,
  limitMs: () => number,
): Promise<T> {
  const started = performance.now()
  for (;;) {
    try {
      return await act()
    } catch (error) {
      const passing = error instanceof StorageError && (error.code === 'E_UNAVAILABLE' || error.code === 'E_BUSY')
      if (!passing || performance.now() - started >= limitMs()) throw error
      await sleep(retryMs)
    }
  }
}
