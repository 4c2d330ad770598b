import type { StorageError } from './errors.ts'

/** What happens with fires that were missed while no daemon ran. */
export type CatchUp = 'latest' | 'none'
/** What happens with a fire whose predecessor still runs. */
export type Overlap = 'skip' | 'allow'

/** The definition of a job: a prompt for the agent and when to run it. */
export interface ScheduledJob {
  id: string
  name?: string
  description?: string
  cronExpression: string
  /** IANA zone of the expression, unless that has a prefix of its own. Without one: `defaultTimezone`. */
  timezone?: string
  prompt: string
  channel?: string
  recipientId?: string
  model?: string
  runOnce: boolean
  enabled: boolean
  catchUp: CatchUp
  overlap: Overlap
  /** The anchor of `@every`; the epoch for a hand-written file without one. */
  createdAt: Date
  updatedAt: Date
}

export interface StoredJob extends ScheduledJob {
  /** Hash of the definition; equal definitions have equal revisions on every backend. A run does not change it. */
  revision: string
  /** From the scheduling state: start of the last run that ended. */
  lastRun?: Date
  /** From the scheduling state: why the last run failed; absent after one that succeeded. */
  lastError?: string
}

export interface JobList {
  /** By `createdAt`, ties by id ascending. */
  jobs: StoredJob[]
  unreadable: { id: string; error: StorageError }[]
}

/**
 * A change of the jobs, as `watch` tells it.
 *
 * First every current job as `saved`, then `synced`, then changes. `unavailable` says that the jobs cannot be
 * listed at present: what was told before stays valid, nothing may be concluded from silence, and the next `synced`
 * follows once everything that changed meanwhile has been told.
 */
export type ScheduledJobChange =
  | { type: 'saved'; job: StoredJob }
  | { type: 'deleted'; id: string }
  | { type: 'unreadable'; id: string; error: StorageError }
  | { type: 'synced' }
  | { type: 'unavailable'; error: StorageError }

export interface ScheduledJobStorage {
  /** Zone of a job without one: the machine's where people write the files (jsonl), else UTC. */
  readonly defaultTimezone: string

  /**
   * Writes a definition and returns it as stored; `lastRun` and `lastError` are no part of it. A new job, and one
   * whose expression, zone or `enabled` changed, starts anew: its cursor is the store's now.
   *
   * With `expected` it is a compare-and-set: E_CONFLICT unless the stored revision is that one, and E_NOT_FOUND when
   * the job is gone (an update never re-creates a deleted job); `'absent'` creates, E_CONFLICT when the id is taken.
   * Saving exactly what is stored already is a success. E_CORRUPT when what is stored cannot be read: it is kept.
   */
  save(job: ScheduledJob, options?: { expected?: string }): Promise<StoredJob>

  /**
   * Creates a definition and leaves its scheduling state as it stands, for copies between backends: restore the state
   * first. False when the id is taken; E_CORRUPT when what is stored cannot be read.
   */
  restore(job: ScheduledJob): Promise<boolean>

  /** E_NOT_FOUND, E_CORRUPT. */
  load(id: string): Promise<StoredJob>

  list(): Promise<JobList>

  /** E_NOT_FOUND when there is none; E_CORRUPT for one that cannot be read. The job's runs stay. */
  delete(id: string): Promise<void>

  /**
   * Tells every change, also those made by hand or by other processes, within 2 s even when every hint is dead.
   * Intermediate states may be left out, the final state never is. Heals itself after a disconnect.
   *
   * Ends without an error when the signal aborts or the consumer returns, and then holds no handle.
   */
  watch(options: { signal: AbortSignal }): AsyncIterable<ScheduledJobChange>
}
