import { upcomingFires, zoneOf } from '#commands/job-view.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { inZone } from '#terminal/time.ts'

/** The next three fires of an enabled job, one a line, in the zone in which its expression counts. */
export function fireLines(job: ScheduledJob, defaultTimezone: string, now: Date): string {
  const zone = zoneOf(job, defaultTimezone)
  return upcomingFires(job, defaultTimezone, now, 3)
    .map((fire) => `  ${inZone(fire, zone)}`)
    .join('\n')
}
