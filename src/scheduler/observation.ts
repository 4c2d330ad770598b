import type { ClaimRequest, ClaimResult, RunState } from '#storage/contract/job-runs.ts'

/** Hears what a scheduler has done. Must not throw. */
export interface RunObserver {
  /** A fire was claimed, so many ms after its moment; both by the store's clock. */
  claimed(delayMs: number): void
  /** So many fires have come to this end by the doing of this scheduler or of an agent that it has started. */
  ended(state: RunState, count: number): void
}

/** What is so at a moment. */
export interface SchedulerFigures {
  /** Jobs that can be read and have a valid expression and zone. */
  readonly jobs: number
  /** Those of them that are not paused. */
  readonly enabled: number
  /** Jobs with a fire that is due and not claimed. */
  readonly due: number
  /** Whether one of those has been waiting for 60 s in which this scheduler always had a free slot. */
  readonly behind: boolean
  /** Runs whose agents this scheduler waits for. */
  readonly activeRuns: number
  /** For how long the jobs have not been known to be in sync with the store, in ms; 0 while they are. */
  readonly watchLagMs: number
}

/** Tells what has become of a claim, and of the gap before it. */
export function observeClaim(
  observer: RunObserver | undefined,
  { scheduledFor, missed }: Pick<ClaimRequest, 'scheduledFor' | 'missed'>,
  result: ClaimResult,
): void {
  if (result.claimed) {
    const at = result.run.claimedAt ?? scheduledFor
    observer?.claimed(Math.max(0, at.getTime() - scheduledFor.getTime()))
  } else if (result.refusal === 'skipped') observer?.ended('skipped', 1)
  else if (result.refusal !== 'recorded') return
  if (missed) observer?.ended('missed', missed.count)
}
