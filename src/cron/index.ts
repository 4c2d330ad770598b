export { CronError } from './cron-error.ts'
export { formatDuration, parseDuration } from './duration.ts'
export { parseCron } from './grammar.ts'
export {
  countFires,
  type FireContext,
  type FireSummary,
  type FireWindow,
  fireSummary,
  type NextFireOptions,
  nextFire,
  nextFires,
  previousFire,
  scheduleZone,
} from './next-fires.ts'
export type { CalendarSchedule, CronSchedule, IntervalSchedule } from './schedule.ts'
export { validate } from './validate.ts'
export { checkZone, describeZone, formatInZone, formatOffset, machineZone } from './zones.ts'
