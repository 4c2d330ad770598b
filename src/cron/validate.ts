import { nextDay } from './calendar.ts'
import { CronError, quote } from './cron-error.ts'
import { parseCron } from './grammar.ts'
import type { CronSchedule } from './schedule.ts'
import { checkZone } from './zones.ts'

/**
 * Everything that is checked when a job is created or changed: the grammar, both zones, and that it ever fires.
 *
 * @throws CronError for an expression that `parseCron` refuses, an unknown zone, and a date that no year has.
 */
export function validate(expression: string, timezone: string): CronSchedule {
  checkZone(timezone)
  const schedule = parseCron(expression)
  if (schedule.kind === 'calendar' && nextDay(schedule, 0) === undefined) {
    const days = schedule.daysOfMonth.join(',')
    const months = schedule.months.join(',')
    throw new CronError(
      `The cron expression ${quote(schedule.expression)} never fires: no month of the month field (${months}) has a day of the day-of-month field (${days}); allowed: a date that some year has.`,
    )
  }
  return schedule
}
