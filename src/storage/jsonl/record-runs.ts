import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { JobWrite } from '#storage/rules/job-records.ts'
import type { StateRecord } from './job-states.ts'
import type { HistoryEntry } from './run-history.ts'

/** Which runs a record carries, and which leave it. */

/** What a write leaves: the next state, and the runs that are in it no more. */
export function outcomeOf(
  write: JobWrite,
  before: JobState | undefined,
): { next: JobState | undefined; settled: JobRun[] } {
  const next = write.state === 'remove' ? undefined : (write.state ?? before)
  const kept = new Set(next?.runs.map((run) => run.id))
  const runs = new Map((before?.runs ?? []).map((run) => [run.id, run]))
  for (const run of write.runs ?? []) runs.set(run.id, run)
  return { next, settled: [...runs.values()].filter((run) => !kept.has(run.id)) }
}

/** The runs that a record carries. */
export function runsOf(record: StateRecord | undefined): Map<string, JobRun> {
  return new Map([...(record?.body.settled ?? []), ...(record?.body.state?.runs ?? [])].map((run) => [run.id, run]))
}

/** Where a run has its place in the history. */
export function entryOf(run: JobRun): HistoryEntry {
  return { jobId: run.jobId, runId: run.id, scheduledFor: run.scheduledFor.getTime() }
}

/** Newest first, as `byNewestRun`. */
export function byNewestEntry(a: HistoryEntry, b: HistoryEntry): number {
  return b.scheduledFor - a.scheduledFor || (a.runId < b.runId ? 1 : -1)
}
