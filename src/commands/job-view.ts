import { CronError, nextFires, parseCron, scheduleZone, validate } from '#cron/index.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'

/** A job as `--json` prints it; null where there is nothing. */
export function jobView(job: StoredJob, defaultTimezone: string, now: Date) {
  return {
    id: job.id,
    name: job.name ?? null,
    description: job.description ?? null,
    cron_expression: job.cronExpression,
    timezone: job.timezone ?? defaultTimezone,
    prompt: job.prompt,
    channel: job.channel ?? null,
    recipient_id: job.recipientId ?? null,
    model: job.model ?? null,
    run_once: job.runOnce,
    enabled: job.enabled,
    catch_up: job.catchUp,
    overlap: job.overlap,
    created_at: isoOrNull(job.createdAt),
    updated_at: isoOrNull(job.updatedAt),
    last_run: job.lastRun?.toISOString() ?? null,
    last_error: job.lastError ?? null,
    next_fire: upcomingFires(job, defaultTimezone, now, 1)[0]?.toISOString() ?? null,
  }
}

const isoOrNull = (date: Date) => (date.getTime() === 0 ? null : date.toISOString())

/** The next fires of an enabled job; none for a paused one or an expression that cannot be read. */
export function upcomingFires(job: ScheduledJob, defaultTimezone: string, now: Date, count: number): Date[] {
  if (!job.enabled) return []
  const timezone = job.timezone ?? defaultTimezone
  try {
    return nextFires(parseCron(job.cronExpression), { after: now, timezone, createdAt: job.createdAt }, count)
  } catch {
    return []
  }
}

/** Why a job never fires although it can be read: what is wrong with its expression or zone; undefined when nothing is. */
export function scheduleProblem(job: ScheduledJob, defaultTimezone: string): string | undefined {
  try {
    validate(job.cronExpression, job.timezone ?? defaultTimezone)
    return undefined
  } catch (error) {
    if (error instanceof CronError) return error.message
    throw error
  }
}

/** The zone in which a job's expression counts: that of the expression, or of the job, or of the daemon. */
export function zoneOf(job: ScheduledJob, defaultTimezone: string): string {
  const timezone = job.timezone ?? defaultTimezone
  try {
    return scheduleZone(parseCron(job.cronExpression), timezone)
  } catch {
    return timezone
  }
}

/** A run as `--json` prints it; null where there is nothing. */
export function runView(run: JobRun) {
  return {
    id: run.id,
    job_id: run.jobId,
    job_name: run.jobName ?? null,
    scheduled_for: run.scheduledFor.toISOString(),
    trigger: run.trigger,
    state: run.state,
    reason: run.reason ?? null,
    count: run.count,
    owner: run.owner ?? null,
    host: run.host ?? null,
    fence: run.fence,
    session_id: run.sessionId ?? null,
    started_at: run.startedAt?.toISOString() ?? null,
    finished_at: run.finishedAt?.toISOString() ?? null,
    output: run.output ?? null,
    delivery: { state: run.delivery.state, attempts: run.delivery.attempts, error: run.delivery.error ?? null },
  }
}
