/** A parsed expression: moments on a calendar, or a fixed interval. */
export type CronSchedule = CalendarSchedule | IntervalSchedule

interface ScheduleSource {
  /** The expression as it was given, without surrounding spaces. */
  readonly expression: string
  /** The zone of a `CRON_TZ=` or `TZ=` prefix, which beats the job's own. */
  readonly timezone: string | undefined
}

/** Five fields or a descriptor such as `@daily`. The lists are ascending and never empty. */
export interface CalendarSchedule extends ScheduleSource {
  readonly kind: 'calendar'
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly daysOfMonth: readonly number[]
  /** 1 is January. */
  readonly months: readonly number[]
  /** 0 is Sunday. */
  readonly daysOfWeek: readonly number[]
  /** Neither day field is a star: a day that either of them selects counts. Otherwise both must select it. */
  readonly eitherDay: boolean
  /**
   * The minute or the hour field has a wildcard or a step: such a schedule fires whenever the clock shows a matching
   * time, so it skips what the clock skips and repeats what the clock repeats. Any other is a list of fixed times,
   * each of which runs once a day.
   */
  readonly followsClock: boolean
}

/** `@every`: fires at `floor(createdAt to 1 s) + k * seconds`, k >= 1, whatever the zone. */
export interface IntervalSchedule extends ScheduleSource {
  readonly kind: 'interval'
  /** A whole number, at least 1. */
  readonly seconds: number
}
