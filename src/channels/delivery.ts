import type { Log } from '#log.ts'
import type { JobRun, JobRunStorage } from '#storage/contract/job-runs.ts'
import { type Channel, MARK_LENGTH } from './channel.ts'
import { ChannelError, isRefusal } from './channel-error.ts'
import type { Term } from './channel-lease.ts'
import { pause, pauseAfter } from './pause.ts'
import { hasCode, type Persist } from './persist.ts'
import { resultText } from './result-text.ts'

/** How often undelivered results are looked for beside the hints, in ms. */
const LOOK_MS = 5_000
/** Stands before the first text of a result that may have arrived already; shorter than MARK_LENGTH. */
const AGAIN = '(Sent again: whether it arrived before is not known.)\n\n'

export interface DeliveryOptions {
  readonly channel: Channel
  readonly runs: Pick<JobRunStorage, 'list' | 'claimDelivery' | 'finishDelivery'>
  readonly term: Term
  readonly persist: Persist
  readonly log: Log
  readonly lookMs?: number
}

interface Attempt {
  /** Texts that were sent, whether or not the store knows. */
  parts: number
  failures: number
  /** Monotonic time before which it is not tried again. */
  notBefore: number
}

/**
 * Sends the results of scheduled runs to those who made the jobs: pending -> sending(fence) -> delivered or failed, and
 * after a failure that may pass pending again. Each text is recorded before the next is sent; what was under way when
 * its sender died is sent again, and says so.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #attempts = new Map<string, Attempt>()
  #wake = new AbortController()

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** A run may have ended. */
  hint(): void {
    this.#wake.abort()
  }

  /** Delivers until the signal aborts or the lease is lost. Rejects with failures of the store that do not pass. */
  async run(signal: AbortSignal): Promise<void> {
    const { runs, persist, term, channel, lookMs = LOOK_MS } = this.#options
    const stop = AbortSignal.any([signal, term.lost])
    while (!stop.aborted) {
      this.#wake = new AbortController()
      const undelivered = (await persist(() => runs.list({ limit: 0, only: 'undelivered' }), stop)) ?? []
      for (const id of this.#attempts.keys()) if (!undelivered.some((run) => run.id === id)) this.#attempts.delete(id)
      const ours = undelivered.filter((run) => run.snapshot?.channel === channel.name).reverse()
      for (const run of ours) if (!stop.aborted) await this.#deliver(run, stop)
      await pause(lookMs, AbortSignal.any([stop, this.#wake.signal]))
    }
  }

  async #deliver(run: JobRun, stop: AbortSignal): Promise<void> {
    const { term, log } = this.#options
    const attempt = this.#attempts.get(run.id) ?? { parts: run.delivery.parts, failures: 0, notBefore: 0 }
    this.#attempts.set(run.id, attempt)
    if (attempt.notBefore > performance.now() || !(await term.confirmed(stop))) return
    const doubtful = run.delivery.state === 'sending' && run.delivery.fence !== term.fence
    if (!(await this.#claim(run, stop))) return
    const { recipientId = '' } = run.snapshot ?? {}
    try {
      await this.#send(run, recipientId, attempt, doubtful, stop)
      await this.#finish(run, { state: 'delivered', parts: attempt.parts })
      log.info('result delivered', { run: run.id, job: run.jobId, recipient: recipientId, parts: attempt.parts })
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error
      attempt.failures += 1
      attempt.notBefore = performance.now() + pauseAfter(error, attempt.failures)
      const state = isRefusal(error) ? 'failed' : 'pending'
      await this.#finish(run, { state, parts: attempt.parts, error: error.message })
      if (state === 'failed')
        log.warn(`a result cannot be delivered: ${error.message}`, { run: run.id, job: run.jobId })
    }
  }

  /** Whether it is this holder's to send. */
  async #claim({ id, delivery }: JobRun, stop: AbortSignal): Promise<boolean> {
    const { runs, term, persist } = this.#options
    // The answer to a claim, or the end of an attempt, was lost on its way: it is ours.
    if (delivery.state === 'sending' && delivery.fence === term.fence) return true
    try {
      return (await persist(() => runs.claimDelivery(id, term.fence), stop)) !== undefined
    } catch (error) {
      if (hasCode(error, 'E_CONFLICT') || hasCode(error, 'E_NOT_FOUND')) return false
      throw error
    }
  }

  async #send(run: JobRun, recipient: string, attempt: Attempt, doubtful: boolean, stop: AbortSignal): Promise<void> {
    const { channel, term } = this.#options
    if (!channel.allows(recipient)) {
      throw new ChannelError('refused', `${recipient} is not in ${channel.name}.allowed_users`)
    }
    const texts = channel.split(resultText(run))
    for (const [index, text] of [...texts.entries()].slice(attempt.parts)) {
      if (!(await term.confirmed(stop))) throw new ChannelError('passing', 'the daemon stopped')
      const first = doubtful && index === attempt.parts
      await channel.send({ recipient, text: first ? `${AGAIN.slice(0, MARK_LENGTH)}${text}` : text }, stop)
      attempt.parts = index + 1
      doubtful = false
      if (attempt.parts < texts.length) await this.#record(run, attempt.parts, stop)
    }
  }

  /** Makes the store know how far it is, so that a successor goes on from there. */
  async #record({ id }: JobRun, parts: number, stop: AbortSignal): Promise<void> {
    const { runs, term, persist } = this.#options
    await this.#finish({ id }, { state: 'pending', parts })
    const claimed = await persist(() => runs.claimDelivery(id, term.fence), stop).catch((error: unknown) => {
      if (!hasCode(error, 'E_CONFLICT')) throw error
    })
    if (claimed === undefined && stop.aborted) throw new ChannelError('passing', 'the daemon stopped')
  }

  /** Also while the daemon stops; a successor has what is not ours any more. */
  async #finish(
    { id }: Pick<JobRun, 'id'>,
    end: { state: 'delivered' | 'pending' | 'failed'; parts: number; error?: string },
  ): Promise<void> {
    const { runs, term, persist } = this.#options
    await persist(() => runs.finishDelivery(id, term.fence, end), term.lost).catch((error: unknown) => {
      if (!hasCode(error, 'E_CONFLICT') && !hasCode(error, 'E_NOT_FOUND')) throw error
    })
  }
}
