import { countCalendarFires, nextCalendarFire } from './calendar-fires.ts'
import type { CronSchedule, IntervalSchedule } from './schedule.ts'

const SECOND = 1000

/** Fires are looked for from 1900 to the end of the year 9999. */
const EARLIEST = Date.UTC(1900, 0, 1)
const LIMIT = Date.UTC(10_000, 0, 1)

/** What the moments of a schedule depend on beside the schedule. */
export interface FireContext {
  /** The job's zone, an IANA name; a prefix in the expression beats it. */
  readonly timezone: string
  /** The anchor of `@every`; the epoch when absent. Other schedules ignore it. */
  readonly createdAt?: Date | undefined
}

export interface NextFireOptions extends FireContext {
  /** Exclusive. */
  readonly after: Date
}

/** The fires with `after < fire <= before`. */
export interface FireWindow extends NextFireOptions {
  /** Inclusive. */
  readonly before: Date
}

/** All fires of a window as one record. */
export interface FireSummary {
  readonly first: Date
  readonly last: Date
  /** Exact. */
  readonly count: number
}

/** The zone in which the schedule is read: the expression's prefix, else the given one. */
export function scheduleZone(schedule: CronSchedule, timezone: string): string {
  return schedule.timezone ?? timezone
}

/**
 * The first fire strictly after a moment, a whole second; undefined when there is none until the year 9999.
 *
 * Daylight saving: a fixed time that falls in the gap fires once, at the gap's end; one that occurs twice fires once,
 * the first time; with a wildcard or a step in the minute or hour field the schedule follows the clock in both.
 *
 * @throws CronError when the zone is unknown.
 */
export function nextFire(schedule: CronSchedule, options: NextFireOptions): Date | undefined {
  const fire = firstAfter(schedule, options, moment(options.after))
  return fire === undefined ? undefined : new Date(fire)
}

/** The first `count` fires strictly after a moment, ascending; fewer when there are no more. Fails as `nextFire`. */
export function nextFires(schedule: CronSchedule, options: NextFireOptions, count: number): Date[] {
  const fires: Date[] = []
  let fire = firstAfter(schedule, options, moment(options.after))
  while (fire !== undefined && fires.length < count) {
    fires.push(new Date(fire))
    fire = firstAfter(schedule, options, fire)
  }
  return fires
}

/** The newest fire of the window; undefined when it has none. Cheap for any length. Fails as `nextFire`. */
export function previousFire(schedule: CronSchedule, window: FireWindow): Date | undefined {
  const fire = lastWithin(schedule, window, moment(window.after), moment(window.before))
  return fire === undefined ? undefined : new Date(fire)
}

/**
 * How many fires the window has, exactly. Done by arithmetic: years of `* * * * *` cost as much as years of `@daily`,
 * well under ten milliseconds. Fails as `nextFire`.
 */
export function countFires(schedule: CronSchedule, window: FireWindow): number {
  const after = moment(window.after)
  const before = moment(window.before)
  if (before <= after) return 0
  if (schedule.kind === 'interval') {
    const anchor = anchorOf(window)
    return Math.max(0, intervalsUntil(schedule, anchor, before)) - Math.max(0, intervalsUntil(schedule, anchor, after))
  }
  const from = Math.max(after + SECOND, EARLIEST)
  return countCalendarFires(schedule, scheduleZone(schedule, window.timezone), from, Math.min(before + SECOND, LIMIT))
}

/** First, last and number of the window's fires; undefined when it has none. Fails as `nextFire`. */
export function fireSummary(schedule: CronSchedule, window: FireWindow): FireSummary | undefined {
  const last = previousFire(schedule, window)
  const first = last === undefined ? undefined : nextFire(schedule, window)
  if (first === undefined || last === undefined) return undefined
  return { first, last, count: countFires(schedule, window) }
}

/** In whole seconds of milliseconds, rounded down: no fire lies between a second and its successor. */
function moment(date: Date): number {
  const time = date.getTime()
  if (Number.isNaN(time)) throw new RangeError('A moment given to the cron evaluation is an invalid date.')
  return Math.floor(time / SECOND) * SECOND
}

function anchorOf(context: FireContext): number {
  return context.createdAt === undefined ? 0 : moment(context.createdAt)
}

/** How many whole intervals lie between the anchor and a moment; negative before the anchor. */
function intervalsUntil(schedule: IntervalSchedule, anchor: number, at: number): number {
  return Math.floor((at - anchor) / (schedule.seconds * SECOND))
}

function firstAfter(schedule: CronSchedule, context: FireContext, after: number): number | undefined {
  if (schedule.kind === 'interval') {
    const anchor = anchorOf(context)
    const fire = anchor + Math.max(1, intervalsUntil(schedule, anchor, after) + 1) * schedule.seconds * SECOND
    return fire < LIMIT ? fire : undefined
  }
  const from = Math.max(after + SECOND, EARLIEST)
  return nextCalendarFire(schedule, scheduleZone(schedule, context.timezone), from, LIMIT)
}

/**
 * The newest fire in (after, before]. Looks back in growing steps until one is found, then halves the rest: a few
 * dozen evaluations for any gap and any schedule, and no second, backward evaluation that could disagree.
 */
function lastWithin(schedule: CronSchedule, context: FireContext, after: number, before: number): number | undefined {
  const firstWithin = (start: number): number | undefined => {
    const fire = firstAfter(schedule, context, start)
    return fire !== undefined && fire <= before ? fire : undefined
  }
  // No fire lies in (empty, before].
  let empty = before
  let last: number | undefined
  for (let step = 60 * SECOND; last === undefined && empty > after; step *= 4) {
    const start = Math.max(after, before - step)
    last = firstWithin(start)
    if (last === undefined) empty = start
  }
  if (last === undefined) return undefined
  while (last < empty) {
    const middle: number = Math.floor((last + empty) / (2 * SECOND)) * SECOND
    const later = firstWithin(middle)
    if (later === undefined) empty = middle
    else last = later
  }
  return last
}
