import type { ScheduledJob, StoredJob } from './scheduled-jobs.ts'

export type RunTrigger = 'schedule' | 'catch-up' | 'manual'

/**
 * - `claimed` a daemon has taken the fire, its agent has not begun
 * - `running` the agent has begun
 * - `succeeded` `failed` it ended
 * - `lost` it died while running; never repeated, because agents have side effects
 * - `interrupted` it was ended by a stop of the daemon or by a person
 * - `skipped` the predecessor still ran; `count` fires in a row
 * - `missed` no daemon was there; one record for a whole gap
 */
export type RunState = 'claimed' | 'running' | 'succeeded' | 'failed' | 'lost' | 'interrupted' | 'skipped' | 'missed'

/** States in which a run holds its job's active slot. */
export const OPEN_STATES: readonly RunState[] = ['claimed', 'running']

export interface RunDelivery {
  state: 'none' | 'pending' | 'sending' | 'delivered' | 'failed'
  attempts: number
  error?: string
  /** Fence of the channel lease that is sending. */
  fence?: number
  /** How many parts of a long message the recipient has. */
  parts: number
}

/** The execution, or the other outcome, of one fire. */
export interface JobRun {
  id: string
  jobId: string
  jobName?: string
  /** The moment it was due, a whole second. For `missed`, the last of the gap. */
  scheduledFor: Date
  /** For `missed`: the first moment of the gap. */
  firstMissed?: Date
  trigger: RunTrigger
  state: RunState
  /** A sentence: why it is in this state. */
  reason?: string
  /** Fires that this record stands for; 1 for a run. */
  count: number
  /** Id of the daemon (presence) that took it. */
  owner?: string
  host?: string
  /** Number of the claim, from 1; a newer claim has a higher one. Only its holder may change the run. */
  fence: number
  /** Names the claim, so that a retry after a lost reply recognises its own. */
  token?: string
  /** Changes with every renewal; an observer that sees it unchanged for long enough may reap. */
  lease: number
  /** Process id of the agent on `host`, once running. */
  pid?: number
  sessionId?: string
  /** The definition as it was at the claim. */
  snapshot?: ScheduledJob
  claimedAt?: Date
  startedAt?: Date
  finishedAt?: Date
  output?: string
  delivery: RunDelivery
}

/** What is kept beside a definition, per job. */
export interface JobState {
  /** Hash of what decides the fires: expression, zone, `enabled`, `createdAt`. */
  scheduleHash: string
  /** The last moment that has been dealt with; no fire at or before it is ever claimed. */
  cursor: Date
  /** Runs that may still change: open ones, undelivered ones, and a `skipped` one that may grow. */
  runs: JobRun[]
  /** `createdAt` of the run_once definition that was claimed: it never fires again. */
  onceClaimed?: Date
  lastRun?: Date
  lastError?: string
  /** Failed or lost runs in a row; 0 after one that succeeded. */
  failures: number
}

export interface Claimant {
  /** Id of the daemon. */
  owner: string
  host: string
  /** Random, new for each attempt to claim, the same for a retry of it. */
  token: string
}

export interface ClaimRequest extends Claimant {
  jobId: string
  /** Revision of the definition that `scheduledFor` was computed from. */
  revision: string
  scheduledFor: Date
  trigger: RunTrigger
  /** Fires before `scheduledFor` that nobody took: recorded as one `missed` run. */
  missed?: { first: Date; last: Date; count: number; reason: string }
  /** True when `scheduledFor` itself is too old to run: then only `missed` is recorded and the cursor moves. */
  recordOnly?: boolean
  /** The definition as it was last read; it stands in while the stored one cannot be read (an edit with a typo). */
  lastGood?: StoredJob
}

/**
 * Why a fire was not claimed:
 * - `gone` the job does not exist · `disabled` it is paused
 * - `changed` its revision is another one, or the cursor has passed a part of `missed`: read both again
 * - `past` the cursor is at or behind the fire already, or a run_once job was claimed before
 * - `early` the store's clock is more than 1 s behind the fire
 * - `skipped` the active slot was taken and overlap is `skip`; recorded, the fire is dealt with
 * - `recorded` `recordOnly` was asked for and is done
 */
export type ClaimRefusal = 'gone' | 'disabled' | 'changed' | 'past' | 'early' | 'skipped' | 'recorded'

export type ClaimResult = { claimed: true; run: JobRun } | { claimed: false; refusal: ClaimRefusal }

export interface RunListOptions {
  jobId?: string
  /** 0 or less means all. */
  limit: number
  /** Only runs in a state of OPEN_STATES, or only those with a delivery `pending` or `sending`. */
  only?: 'open' | 'undelivered'
}

/** The scheduling state, claims and runs. Source of the rules: docs/scheduling.md. */
export interface JobRunStorage {
  /** The store's clock: the server's for postgres and redis, the machine's for the others. */
  now(): Promise<Date>

  /** The scheduling state of a job, undefined before its first save or `track`. */
  state(jobId: string): Promise<JobState | undefined>
  /** All scheduling states by job id. */
  states(): Promise<Map<string, JobState>>

  /**
   * Makes the scheduling state match the stored definition, for definitions that were changed by hand: a new or
   * changed schedule starts with its cursor at the store's now. Nothing is written when they match. E_NOT_FOUND.
   */
  track(jobId: string): Promise<JobState>
  /** `track` for every job that can be read, by job id; costs two listings and a write for each that did not match. */
  trackAll(): Promise<Map<string, JobState>>

  /**
   * Takes a fire, in one atomic step: checks job, revision, cursor and active slot; moves the cursor, takes the slot,
   * inserts the run as `claimed` with a snapshot. A run_once job is removed in the same step. Of any number of
   * claimants of one fire exactly one gets it; the same token again gets the same run.
   * Manual runs neither look at the cursor nor move it, and work on a paused job.
   */
  claim(request: ClaimRequest): Promise<ClaimResult>

  /** `claimed -> running` on the fence; the agent's first act. E_CONFLICT when the fence is old or the run is not `claimed`. */
  start(runId: string, fence: number, by: { pid: number; host: string; sessionId?: string }): Promise<JobRun>

  /** Renews the lease of an open run. E_CONFLICT when the run is no longer open on this fence: stop at once. */
  renew(runId: string, fence: number): Promise<void>

  /**
   * Ends a run on its fence: frees the slot, writes lastRun, lastError, and delivery `pending` when the job has a
   * recipient. The same end again is a success. E_CONFLICT when the fence is old or the run ended otherwise.
   */
  finish(
    runId: string,
    fence: number,
    end: { state: 'succeeded' | 'failed' | 'interrupted'; reason?: string; output?: string; sessionId?: string },
  ): Promise<JobRun>

  /**
   * Settles an open run whose holder is dead, on its fence and, when given, its unchanged lease: a `running` one
   * becomes `lost`; a `claimed` one is claimed again by the reaper with fence + 1 (result `claimed`), or becomes
   * `failed` after three claims. E_CONFLICT when it changed meanwhile.
   */
  reap(runId: string, seen: { fence: number; lease?: number; reason: string }, claimant: Claimant): Promise<JobRun>

  /** Ids of all jobs that have a scheduling state or a run, ascending; their definitions may be gone. */
  jobIds(): Promise<string[]>

  /**
   * Puts a scheduling state and runs of one job just as they are, for copies between backends: cursor, snapshots,
   * fences and deliveries included. Before the definition, so that no fire is claimed a second time. What is stored
   * already and equal is left alone; E_CONFLICT when it differs. The runs of the state need not be given again.
   */
  restore(jobId: string, records: { state?: JobState; runs: readonly JobRun[] }): Promise<void>

  /** Newest `scheduledFor` first, ties by id descending. */
  list(options: RunListOptions): Promise<JobRun[]>

  /** E_NOT_FOUND. */
  get(runId: string): Promise<JobRun>

  /** Deletes all but the newest `keep` runs of a job; open and undelivered ones always stay. Returns how many went. */
  prune(jobId: string, keep: number): Promise<number>

  /** `pending`, or `sending` on an older fence, -> `sending`; counts the attempt. E_CONFLICT otherwise. */
  claimDelivery(runId: string, fence: number): Promise<JobRun>

  /** Ends or interrupts an attempt on its fence; `pending` asks for another one. E_CONFLICT on another fence. */
  finishDelivery(
    runId: string,
    fence: number,
    end: { state: 'delivered' | 'pending' | 'failed'; parts: number; error?: string },
  ): Promise<JobRun>
}

/** Claims of one run without a start after which it has failed. */
export const MAX_CLAIMS = 3
/** How far, in ms, the store's clock may be behind a fire when it is claimed. */
export const EARLY_TOLERANCE_MS = 1_000
