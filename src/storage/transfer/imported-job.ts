import { machineZone, validate } from '#cron/index.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'

/** Asked for once: it takes longer than all the rest of a job. */
let zoneHere: string | undefined

/** A job from elsewhere: it gets the zone of this machine when it has none. Throws CronError when it can never fire. */
export function importedJob(job: ScheduledJob): { job: ScheduledJob } {
  zoneHere ??= machineZone()
  const zone = zoneHere
  const { timezone } = validate(job.cronExpression, job.timezone ?? zone)
  return { job: job.timezone === undefined && timezone === undefined ? { ...job, timezone: zone } : job }
}
