import { type CronSchedule, checkZone, parseCron } from '#cron/index.ts'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { type Due, due } from './due.ts'

/** Parsed expressions that are kept. A parsed one is larger than all else of a job, and is needed once per fire. */
const MAX_SCHEDULES = 500

/** A job as the scheduler holds it. */
export interface JobEntry {
  job: StoredJob
  /** In ms. */
  cursor: number
  /** When it must be looked at again, store time in ms; infinity for never. */
  dueAt: number
  /** True while a claim is under way. */
  claiming: boolean
  /** True while the stored definition cannot be read and this last good version stands for it. */
  unreadable: boolean
  /** Claims in a row that have failed. */
  failures: number
  /** Since when a fire that is due was seen waiting for its claim, in ms of the monotonic clock. */
  waitingSince: number | undefined
}

export interface JobTableOptions {
  readonly defaultTimezone: string
  readonly catchUpWindowMs: number
}

/** The jobs that can fire, and which of them are due. */
export class JobTable {
  readonly #entries = new Map<string, JobEntry>()
  /** By expression. */
  readonly #schedules = new Map<string, CronSchedule>()
  readonly #options: JobTableOptions

  constructor(options: JobTableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size
  }

  get(id: string): JobEntry | undefined {
    return this.#entries.get(id)
  }

  /** Takes a definition in; throws CronError for a wrong expression or zone, and the job is left out then. */
  put(job: StoredJob, cursor: Date): JobEntry {
    const known = this.#entries.get(job.id)
    this.#entries.delete(job.id)
    if (job.timezone !== undefined) checkZone(job.timezone)
    this.#schedule(job.cronExpression)
    const entry = {
      job,
      cursor: cursor.getTime(),
      dueAt: 0,
      claiming: known?.claiming ?? false,
      unreadable: false,
      failures: 0,
      waitingSince: undefined,
    }
    this.#entries.set(job.id, entry)
    return entry
  }

  /** With an entry, only if that still stands for its job: the job may have been saved anew meanwhile. */
  remove(job: string | JobEntry): void {
    if (typeof job === 'string') this.#entries.delete(job)
    else if (this.#entries.get(job.job.id) === job) this.#entries.delete(job.job.id)
  }

  /** Entries that are due at a moment, in the order of their fires. */
  dueAt(now: Date): JobEntry[] {
    const at = now.getTime()
    const found: JobEntry[] = []
    for (const entry of this.#entries.values()) if (!entry.claiming && entry.dueAt <= at) found.push(entry)
    return found.sort((a, b) => a.dueAt - b.dueAt)
  }

  /** The next moment at which something is due, in ms of store time; infinity when nothing is. */
  nextDue(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { claiming, dueAt } of this.#entries.values()) if (!claiming && dueAt < next) next = dueAt
    return next
  }

  /** Entries with a fire that is due and not claimed; notes since when it waits. `monotonic` in ms. */
  waiting(now: Date, readyAt: Date, monotonic: number): JobEntry[] {
    const at = now.getTime()
    const isWaiting = (entry: JobEntry) =>
      entry.claiming || entry.failures > 0 || (entry.dueAt <= at && this.decide(entry, now, readyAt).kind === 'claim')
    const found: JobEntry[] = []
    for (const entry of this.#entries.values()) {
      const waits = isWaiting(entry)
      entry.waitingSince = waits ? (entry.waitingSince ?? monotonic) : undefined
      if (waits) found.push(entry)
    }
    return found
  }

  /** How many of the jobs are not paused. */
  get enabled(): number {
    let count = 0
    for (const { job } of this.#entries.values()) if (job.enabled) count += 1
    return count
  }

  /** Decides about an entry now, and notes when it is to be looked at again if there is nothing to do. */
  decide(entry: JobEntry, now: Date, readyAt: Date): Due {
    const { defaultTimezone, catchUpWindowMs } = this.#options
    const { job } = entry
    const timezone = job.timezone ?? defaultTimezone
    const schedule = this.#schedule(job.cronExpression)
    const decided = due({ job, schedule, timezone, cursor: new Date(entry.cursor), now, readyAt, catchUpWindowMs })
    if (decided.kind === 'wait') entry.dueAt = decided.at?.getTime() ?? Number.POSITIVE_INFINITY
    return decided
  }

  /** Throws CronError. */
  #schedule(expression: string): CronSchedule {
    const known = this.#schedules.get(expression)
    if (known) return known
    const schedule = parseCron(expression)
    if (this.#schedules.size >= MAX_SCHEDULES) this.#schedules.clear()
    this.#schedules.set(expression, schedule)
    return schedule
  }
}
