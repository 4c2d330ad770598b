import type { RunObserver } from '#scheduler/observation.ts'
import type { RunState } from '#storage/contract/job-runs.ts'

/** The states in which a fire ends. */
const END_STATES: readonly RunState[] = ['succeeded', 'failed', 'lost', 'interrupted', 'skipped', 'missed']
/** Upper bounds of the histogram of claim delays, in seconds. */
export const DELAY_BUCKETS: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600]

/** Observations by upper bound. */
export interface Histogram {
  /** For each bound of DELAY_BUCKETS, how many observations were at most that. */
  readonly atMost: readonly number[]
  readonly count: number
  readonly sum: number
}

/** What this daemon has done with fires since its start. */
export class RunStatistics implements RunObserver {
  readonly #ended = new Map<RunState, number>(END_STATES.map((state) => [state, 0]))
  readonly #atMost = DELAY_BUCKETS.map(() => 0)
  #count = 0
  #sum = 0

  claimed(delayMs: number): void {
    const seconds = delayMs / 1_000
    for (const [index, bound] of DELAY_BUCKETS.entries()) {
      if (seconds <= bound) this.#atMost[index] = (this.#atMost[index] ?? 0) + 1
    }
    this.#count += 1
    this.#sum += seconds
  }

  ended(state: RunState, count: number): void {
    this.#ended.set(state, (this.#ended.get(state) ?? 0) + count)
  }

  get ends(): ReadonlyMap<RunState, number> {
    return this.#ended
  }

  /** Of claims, in seconds after the moment of their fire. */
  get delays(): Histogram {
    return { atMost: this.#atMost, count: this.#count, sum: this.#sum }
  }
}
