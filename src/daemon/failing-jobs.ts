import { sleep } from '#scheduler/sleep.ts'
import type { JobRunStorage, JobState } from '#storage/contract/job-runs.ts'

/** Failed or lost runs in a row from which on a job counts as failing. */
const FAILING_RUNS = 3
/** How long a count is told again before the store is asked anew, in ms. */
const FRESH_MS = 30_000
/** How long a count may take before nobody waits for it any more, in ms. */
const PATIENCE_MS = 2_000

export function isFailing(state: Pick<JobState, 'failures'> | undefined): boolean {
  return (state?.failures ?? 0) >= FAILING_RUNS
}

/** Counts failing jobs for whoever asks often: the store is asked at most every 30 s, one question at a time. */
export class FailingJobs {
  readonly #runs: Pick<JobRunStorage, 'states'>
  readonly #exists: (jobId: string) => boolean
  #count: number | undefined
  #counted = Number.NEGATIVE_INFINITY
  #counting: Promise<void> | undefined

  /** States outlive their jobs: only those of jobs that exist count. */
  constructor(runs: Pick<JobRunStorage, 'states'>, exists: (jobId: string) => boolean) {
    this.#runs = runs
    this.#exists = exists
  }

  /** Undefined while the store does not answer. Never rejects, and takes 2 s at most. */
  async count(): Promise<number | undefined> {
    if (performance.now() - this.#counted >= FRESH_MS) {
      this.#counting ??= this.#ask().finally(() => {
        this.#counting = undefined
      })
      const answered = new AbortController()
      await Promise.race([this.#counting, sleep(PATIENCE_MS, answered.signal)])
      answered.abort()
    }
    return this.#count
  }

  async #ask(): Promise<void> {
    try {
      const states = await this.#runs.states()
      this.#count = [...states].filter(([id, state]) => isFailing(state) && this.#exists(id)).length
      this.#counted = performance.now()
    } catch {
      this.#count = undefined
    }
  }
}
