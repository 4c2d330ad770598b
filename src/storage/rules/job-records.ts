import { setTimeout as sleep } from 'node:timers/promises'
import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobState, RunListOptions } from '#storage/contract/job-runs.ts'
import type { JobList, ScheduledJob } from '#storage/contract/scheduled-jobs.ts'

/** One job as the store has it at one moment: definition, scheduling state, and the store's clock. */
export interface JobRecord {
  job: ScheduledJob | undefined
  /** E_CORRUPT when there is a definition that cannot be read; `job` is undefined then. */
  unreadable?: StorageError
  state: JobState | undefined
  /** Opaque; names this very state. Undefined when there is no state. */
  version: string | undefined
  now: Date
}

/** What one atomic step changes. Everything in it happens, or nothing. */
export interface JobWrite {
  /** The version that was read; the write fails unless it still stands. */
  version: string | undefined
  /** When given, the definition must still have this revision, or be absent. */
  expectJob?: string | 'absent'
  /** Undefined leaves the definition as it is. */
  job?: { put: ScheduledJob } | 'remove'
  /** The next state, or its removal; undefined leaves it as it is (the version is still checked). */
  state?: JobState | 'remove'
  /** Runs to insert or replace in the history; always also in `state.runs` while they may still change. */
  runs?: JobRun[]
}

/**
 * The primitive that a backend implements for jobs, scheduling state and runs: read one job's record, and replace it
 * by compare-and-set. Every rule above it (claims, fences, policies) is written once, in `run-transitions.ts`.
 */
export interface JobRecords {
  readonly backend: BackendName
  now(): Promise<Date>
  /** Throws E_CORRUPT when the state cannot be read; a definition that cannot is `unreadable`. */
  read(jobId: string): Promise<JobRecord>
  /** False when version or revision no longer stand; then nothing was written. */
  write(jobId: string, write: JobWrite): Promise<boolean>
  /** Definitions joined with state, for `list`. */
  jobs(): Promise<JobList>
  states(): Promise<Map<string, JobState>>
  /** Jobs with a state, readable or not, or with a run; in no order. */
  jobIds(): Promise<Iterable<string>>
  /** Job of a run that is open or in the history. */
  jobOf(runId: string): Promise<string | undefined>
  run(runId: string): Promise<JobRun | undefined>
  /** From the history, newest first. */
  history(options: Omit<RunListOptions, 'only'>): Promise<JobRun[]>
  /** Deletes all but the newest `keep` of a job's history, and never one of `except`. Returns how many went. */
  prune(jobId: string, keep: number, except: ReadonlySet<string>): Promise<number>
}

/** What a transition decided: an answer, and the write that makes it true. */
export interface Decision<T> {
  answer: T
  write?: Omit<JobWrite, 'version'>
}

const MAX_ATTEMPTS = 200

/**
 * Reads, decides, and writes by compare-and-set until the write stands. The decision is a pure function of the record;
 * it is made again when somebody else was first. E_BUSY after 200 lost races, which a healthy store never sees.
 */
export async function transact<T>(
  records: Pick<JobRecords, 'backend' | 'read' | 'write'>,
  jobId: string,
  decide: (record: JobRecord) => Decision<T>,
): Promise<T> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const record = await records.read(jobId)
    const { answer, write } = decide(record)
    if (write === undefined || (await records.write(jobId, { version: record.version, ...write }))) return answer
    if (attempt > 3) await sleep(Math.random() * Math.min(50, attempt))
  }
  throw new StorageError('E_BUSY', records.backend, `job ${jobId} is being changed all the time`, {
    hint: 'try again',
  })
}
