import type { CalendarSchedule } from './schedule.ts'

// Everything here is about local time: milliseconds of a wall clock read as if it were UTC, and days since 1970-01-01
// of that clock. Zones and their clock changes are the caller's business.

const MINUTE = 60_000
const DAY = 86_400_000
const MINUTES_PER_DAY = 1440

/** The rarest possible date is 29 February around a century without leap day: 8 years apart. */
const MAX_DAYS_BETWEEN = 9 * 366

/** The first local time at or after `from` that the schedule selects; undefined when it selects no date at all. */
export function nextLocalTime(schedule: CalendarSchedule, from: number): number | undefined {
  const today = Math.floor(from / DAY)
  let day = nextDay(schedule, today)
  if (day === today) {
    const minute = firstMinute(schedule, Math.ceil((from - today * DAY) / MINUTE))
    if (minute !== undefined) return today * DAY + minute * MINUTE
    day = nextDay(schedule, today + 1)
  }
  return day === undefined ? undefined : day * DAY + (firstMinute(schedule, 0) ?? 0) * MINUTE
}

/** How many local times in [from, to) the schedule selects. */
export function countLocalTimes(schedule: CalendarSchedule, from: number, to: number): number {
  let count = 0
  visitDays(schedule, Math.floor(from / DAY), Math.ceil(to / DAY), (day) => {
    count += countMinutes(schedule, Math.ceil((from - day * DAY) / MINUTE), Math.ceil((to - day * DAY) / MINUTE))
    return true
  })
  return count
}

/** The first day at or after `from` that the schedule selects; undefined when it selects none. */
export function nextDay(schedule: CalendarSchedule, from: number): number | undefined {
  let found: number | undefined
  visitDays(schedule, from, from + MAX_DAYS_BETWEEN, (day) => {
    found = day
    return false
  })
  return found
}

/**
 * Visits the selected days in [from, to) in order, until a visit returns false. Goes month by month: a date object per
 * day is most of the cost of a search otherwise.
 */
function visitDays(schedule: CalendarSchedule, from: number, to: number, visit: (day: number) => boolean): void {
  const { months, daysOfMonth, daysOfWeek, eitherDay } = schedule
  const start = new Date(from * DAY)
  let year = start.getUTCFullYear()
  let month = start.getUTCMonth()
  // The day before the first of the month, so that `before + date` is a day.
  let before = from - start.getUTCDate()
  while (before + 1 < to) {
    const length = monthLength(year, month)
    if (months.includes(month + 1)) {
      for (let date = Math.max(1, from - before); date <= length && before + date < to; date++) {
        const byMonth = daysOfMonth.includes(date)
        // The weekday decides unless the date already has: enough for "either", missing for "both".
        const selected = byMonth === eitherDay ? byMonth : daysOfWeek.includes(weekday(before + date))
        if (selected && !visit(before + date)) return
      }
    }
    before += length
    month++
    if (month === 12) {
      month = 0
      year++
    }
  }
}

/** The first selected minute of a day at or after the minute `from`. */
function firstMinute(schedule: CalendarSchedule, from: number): number | undefined {
  for (const hour of schedule.hours) {
    if (hour * 60 + 59 < from) continue
    for (const minute of schedule.minutes) {
      if (hour * 60 + minute >= from) return hour * 60 + minute
    }
  }
  return undefined
}

/** How many selected minutes of a day lie in [from, to); the bounds may lie outside the day. */
function countMinutes(schedule: CalendarSchedule, from: number, to: number): number {
  if (from <= 0 && to >= MINUTES_PER_DAY) return schedule.hours.length * schedule.minutes.length
  let count = 0
  for (const hour of schedule.hours) {
    const first = from - hour * 60
    const end = to - hour * 60
    if (first <= 0 && end >= 60) count += schedule.minutes.length
    else if (first < 60 && end > 0) count += schedule.minutes.filter((minute) => minute >= first && minute < end).length
  }
  return count
}

/** 0 is Sunday; 1970-01-01 was a Thursday. */
function weekday(day: number): number {
  return (((day + 4) % 7) + 7) % 7
}

/** `month` from 0. */
function monthLength(year: number, month: number): number {
  if (month === 1) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 3 || month === 5 || month === 8 || month === 10 ? 30 : 31
}
