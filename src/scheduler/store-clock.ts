import type { JobRunStorage } from '#storage/contract/job-runs.ts'

/** Clocks of the process, injected so that tests can let them jump. Both in ms. */
export interface Clock {
  wall(): number
  monotonic(): number
}

export const systemClock: Clock = { wall: () => Date.now(), monotonic: () => performance.now() }

/** How long an offset is believed, in ms. */
const FRESH_MS = 30_000
/** A difference of the two clocks' progress that means that one of them jumped, in ms. */
const JUMP_MS = 1_000

/**
 * Store time: the monotonic clock plus an offset that the store's answers refresh, at least every 30 s and at once when
 * the wall clock has jumped. Due is decided on it, so that daemons with different clocks agree.
 */
export class StoreClock {
  readonly #runs: Pick<JobRunStorage, 'now'>
  readonly #clock: Clock
  readonly #health: () => Promise<void>
  #offset = 0
  #sampled: { wall: number; monotonic: number } | undefined

  /** `health` is asked before the store's clock, and may refuse to go on by throwing. */
  constructor(runs: Pick<JobRunStorage, 'now'>, clock: Clock, health: () => Promise<void> = async () => {}) {
    this.#runs = runs
    this.#clock = clock
    this.#health = health
  }

  now(): Date {
    return new Date(this.#clock.monotonic() + this.#offset)
  }

  /** Makes the next refresh ask, whatever the age of the offset. */
  doubt(): void {
    this.#sampled = undefined
  }

  /** Asks the store when the offset is old, doubted, or a clock has jumped. Throws what they throw. */
  async refresh(): Promise<void> {
    if (this.#sampled && !this.#doubtful(this.#sampled)) return
    await this.#health()
    const asked = this.#clock.monotonic()
    const stored = await this.#runs.now()
    const answered = this.#clock.monotonic()
    this.#offset = stored.getTime() - (asked + answered) / 2
    this.#sampled = { wall: this.#clock.wall(), monotonic: answered }
  }

  #doubtful(sampled: { wall: number; monotonic: number }): boolean {
    const elapsed = this.#clock.monotonic() - sampled.monotonic
    const drift = Math.abs(this.#clock.wall() - sampled.wall - elapsed)
    return elapsed >= FRESH_MS || drift > JUMP_MS
  }
}
