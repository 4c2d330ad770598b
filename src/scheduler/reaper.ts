import type { JobRun } from '#storage/contract/job-runs.ts'

/** How long a lease must be seen unchanged before it counts as expired, in ms. */
export const LEASE_MS = 60_000

/**
 * Tells which open runs have lost their holder: those whose fence and lease were seen unchanged for 60 s of this
 * process's own monotonic clock. No clock of another machine is trusted, and no jump of this one's wall clock matters.
 * After a pause of its own (an outage, a stopped process) the count begins anew, since the holders may have had no way
 * to renew either.
 */
export class LeaseObserver {
  readonly #leaseMs: number
  readonly #seen = new Map<string, { fence: number; lease: number; since: number }>()
  #observed = Number.NEGATIVE_INFINITY

  constructor(leaseMs = LEASE_MS) {
    this.#leaseMs = leaseMs
  }

  /** Notes the open runs as they are now and returns those that are expired; `monotonic` in ms. */
  observe(open: readonly JobRun[], monotonic: number): JobRun[] {
    if (monotonic - this.#observed > this.#leaseMs / 2) this.reset()
    this.#observed = monotonic
    const ids = new Set(open.map((run) => run.id))
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id)
    return open.filter((run) => {
      const seen = this.#seen.get(run.id)
      if (seen?.fence === run.fence && seen.lease === run.lease) return monotonic - seen.since >= this.#leaseMs
      this.#seen.set(run.id, { fence: run.fence, lease: run.lease, since: monotonic })
      return false
    })
  }

  /** Forgets everything: the count begins anew. */
  reset(): void {
    this.#seen.clear()
  }
}
