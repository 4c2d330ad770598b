import type { Log } from '#log.ts'
import type { CoordinationStorage, Lease } from '#storage/contract/coordination.ts'
import { pause } from './pause.ts'
import { hasCode } from './persist.ts'

/** How often a held lease is renewed, in ms. */
const RENEW_MS = 10_000
/** How often a lease that somebody else holds is looked at, in ms. */
const LOOK_MS = 3_000
/** A lease that was seen unchanged for so long has no holder any more, in ms of the monotonic clock. */
const EXPIRE_MS = 60_000
/** After so much of `EXPIRE_MS` without a renewal nothing more is begun; a call that was begun ends within the rest. */
const DOUBT = 0.4

export interface ChannelLeaseOptions {
  readonly coordination: Pick<CoordinationStorage, 'lease' | 'acquireLease' | 'renewLease' | 'releaseLease'>
  readonly name: string
  /** Id of the daemon. */
  readonly owner: string
  readonly log: Log
  /** Told of every answer and failure of the store. */
  readonly onStore?: (error?: unknown) => void
  readonly renewMs?: number
  readonly lookMs?: number
  readonly expireMs?: number
}

/** The time for which this process holds a lease. */
export interface Term {
  readonly fence: number
  /** Aborts when somebody else has the lease: from then on nothing may be begun. */
  readonly lost: AbortSignal
  /** Waits until a fresh renewal says that the lease is held; false when it is lost or the signal aborts. */
  confirmed(signal: AbortSignal): Promise<boolean>
}

/** A right that one process of all that share a store has at a time. */
export class ChannelLease {
  readonly #options: ChannelLeaseOptions
  readonly #expireMs: number

  constructor(options: ChannelLeaseOptions) {
    this.#options = options
    this.#expireMs = options.expireMs ?? EXPIRE_MS
  }

  /**
   * Waits for the lease, uses it, and again after it was lost, until the signal aborts. `use` is waited for after that
   * too, and then the lease is released. Rejects with what `use` rejects with.
   */
  async hold(stop: AbortSignal, use: (term: Term) => Promise<void>): Promise<void> {
    while (!stop.aborted) {
      const lease = await this.#acquire(stop)
      if (lease === undefined) return
      const held = new HeldLease(lease, this.#expireMs * DOUBT)
      const used = new AbortController()
      const renewing = this.#renew(held, used.signal)
      try {
        await use(held)
      } finally {
        used.abort()
        await renewing
        if (!held.lost.aborted) await this.#release(held.fence)
      }
    }
  }

  async #acquire(stop: AbortSignal): Promise<Lease | undefined> {
    const { coordination, name, owner, log, lookMs = LOOK_MS } = this.#options
    let seen: { lease: Lease; since: number } | undefined
    let waiting = false
    while (!stop.aborted) {
      try {
        const expired = seen && performance.now() - seen.since >= this.#expireMs ? seen.lease : undefined
        const taken = await coordination.acquireLease(name, owner, expired)
        this.#answered()
        if (taken !== undefined) return taken
        const lease = await coordination.lease(name)
        if (lease?.fence !== seen?.lease.fence || lease?.beat !== seen?.lease.beat) {
          seen = lease && { lease, since: performance.now() }
        }
        if (!waiting) log.info('another daemon serves this channel, this one stands by', { channel: name })
        waiting = true
      } catch (error) {
        // Nobody's renewals could be seen meanwhile.
        seen = undefined
        this.#failed(error)
      }
      await pause(lookMs, stop)
    }
    return undefined
  }

  async #renew(held: HeldLease, used: AbortSignal): Promise<void> {
    const { coordination, name, log, renewMs = RENEW_MS } = this.#options
    for (let wait = renewMs; ; ) {
      await pause(wait, used)
      if (used.aborted) return
      const asked = moment()
      try {
        await coordination.renewLease(name, held.fence)
        held.renewed(asked)
        wait = renewMs
        this.#answered()
      } catch (error) {
        if (hasCode(error, 'E_CONFLICT')) {
          log.warn('another daemon has taken this channel over', { channel: name })
          return held.lose()
        }
        wait = Math.min(renewMs, 1_000)
        this.#failed(error)
      }
    }
  }

  async #release(fence: number): Promise<void> {
    const { coordination, name, log } = this.#options
    try {
      await coordination.releaseLease(name, fence)
    } catch (error) {
      log.debug(`the lease could not be released: ${String(error)}`, { channel: name })
    }
  }

  #answered(): void {
    this.#options.onStore?.()
  }

  #failed(error: unknown): void {
    this.#options.onStore?.(error)
  }
}

/** By both clocks: the monotonic one stands still while a machine sleeps, the other one may be set. */
interface Moment {
  readonly monotonic: number
  readonly wall: number
}

function moment(): Moment {
  return { monotonic: performance.now(), wall: Date.now() }
}

class HeldLease implements Term {
  readonly fence: number
  readonly #freshMs: number
  readonly #lost = new AbortController()
  #renewed = moment()
  #waiting = Promise.withResolvers<void>()

  constructor({ fence }: Lease, freshMs: number) {
    this.fence = fence
    this.#freshMs = freshMs
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async confirmed(signal: AbortSignal): Promise<boolean> {
    const aborted = Promise.withResolvers<void>()
    const wake = () => aborted.resolve()
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!signal.aborted && !this.lost.aborted) {
        if (this.#isFresh()) return true
        await Promise.race([this.#waiting.promise, aborted.promise])
      }
      return false
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }

  renewed(at: Moment): void {
    this.#renewed = at
    this.#wake()
  }

  lose(): void {
    this.#lost.abort()
    this.#wake()
  }

  #wake(): void {
    this.#waiting.resolve()
    this.#waiting = Promise.withResolvers<void>()
  }

  #isFresh(): boolean {
    const { monotonic, wall } = moment()
    const age = Math.max(monotonic - this.#renewed.monotonic, wall - this.#renewed.wall)
    return age < this.#freshMs
  }
}
