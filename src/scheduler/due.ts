import { type CronSchedule, fireSummary, nextFire, previousFire } from '#cron/index.ts'
import type { ClaimRequest } from '#storage/contract/job-runs.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'

/** A single fire of at most this age, in ms, is no missed one: a daemon that has just come takes it as it is. */
const LATE_MS = 10_000

const ABSENT = 'no daemon was there'

export interface DueInput {
  readonly job: Pick<ScheduledJob, 'enabled' | 'catchUp' | 'createdAt'>
  readonly schedule: CronSchedule
  /** Zone of the job. */
  readonly timezone: string
  /** The last moment that was dealt with. */
  readonly cursor: Date
  /** Store time. */
  readonly now: Date
  /** Since when this daemon has been able to take fires without a break; earlier ones were missed by it. */
  readonly readyAt: Date
  /** `tools.schedule.catch_up_window`, in ms. */
  readonly catchUpWindowMs: number
}

/**
 * What is to be done about a job now: nothing before `at` (undefined: never), or one claim that deals with every fire
 * since the cursor.
 */
export type Due =
  | { readonly kind: 'wait'; readonly at: Date | undefined }
  | ({ readonly kind: 'claim' } & Pick<ClaimRequest, 'scheduledFor' | 'trigger' | 'missed' | 'recordOnly'>)

/**
 * The policy of missed fires, docs/scheduling.md "Policies": of all fires since the cursor only the newest may run,
 * those before it become one `missed` record. The newest runs when it is younger than the window, unless the job
 * catches nothing up and nobody was there for it; otherwise it belongs to the record.
 */
export function due(input: DueInput): Due {
  const { job, schedule, timezone, cursor, now } = input
  if (!job.enabled) return { kind: 'wait', at: undefined }
  const context = { timezone, createdAt: job.createdAt }
  const newest = previousFire(schedule, { ...context, after: cursor, before: now })
  if (!newest) {
    const after = cursor > now ? cursor : now
    return { kind: 'wait', at: nextFire(schedule, { ...context, after }) }
  }
  const age = now.getTime() - newest.getTime()
  const absent = newest < input.readyAt
  const before = new Date(newest.getTime() - 1)
  const older = fireSummary(schedule, { ...context, after: cursor, before })
  const caughtUp = absent && (older !== undefined || age > LATE_MS)
  const tooOld = age > input.catchUpWindowMs
  if (tooOld || (caughtUp && job.catchUp === 'none')) {
    const reason = absent ? ABSENT : 'no daemon had a free slot in time'
    const missed = { first: older?.first ?? newest, last: newest, count: (older?.count ?? 0) + 1, reason }
    return { kind: 'claim', scheduledFor: newest, trigger: 'schedule', recordOnly: true, missed }
  }
  return {
    kind: 'claim',
    scheduledFor: newest,
    trigger: caughtUp ? 'catch-up' : 'schedule',
    ...(older && { missed: { ...older, reason: older.last < input.readyAt ? ABSENT : 'no daemon took them in time' } }),
  }
}
