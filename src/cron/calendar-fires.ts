import { countLocalTimes, nextLocalTime } from './calendar.ts'
import type { CalendarSchedule } from './schedule.ts'
import { type ClockSegment, segmentAt } from './zones.ts'

const SECOND = 1000
const HOUR = 3_600_000
const DAY = 86_400_000

/** More than any clock was ever set back: what a clock may still show after a moment begins at most this far before. */
const LARGEST_REPEAT = 25 * HOUR

/**
 * The first fire at or after `from` and before `limit`, in milliseconds.
 *
 * Walks the stretches in which the zone's clock runs evenly, so that each change of the clock is looked at once:
 * fixed times in a gap become one fire at its end, fixed times shown a second time are left out.
 */
export function nextCalendarFire(
  schedule: CalendarSchedule,
  timezone: string,
  from: number,
  limit: number,
): number | undefined {
  let at = from
  while (at < limit) {
    const segment = segmentAt(timezone, at)
    const local = at + segment.offset
    const candidate = nextLocalTime(schedule, local - LARGEST_REPEAT)
    if (candidate === undefined) return undefined
    if (candidate > local + 3 * DAY) {
      // Nothing that the clock may show or skip until then is selected. Two days early is before it in every zone.
      at = candidate - segment.offset - 2 * DAY
      continue
    }
    const fire = firstInSegment(schedule, segment, at)
    if (fire !== undefined) return fire < limit ? fire : undefined
    at = segment.end
  }
  return undefined
}

/** How many fires there are in [from, to). Exact; the cost grows with the days in between, not with the fires. */
export function countCalendarFires(schedule: CalendarSchedule, timezone: string, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; ) {
    const segment = segmentAt(timezone, at)
    count += countLocalTimes(schedule, firstLocal(schedule, segment, at), Math.min(segment.end, to) + segment.offset)
    if (at === segment.start && firesAtGapEnd(schedule, segment) && !selects(schedule, at + segment.offset)) count++
    at = segment.end
  }
  return count
}

function firstInSegment(schedule: CalendarSchedule, segment: ClockSegment, from: number): number | undefined {
  if (from === segment.start && firesAtGapEnd(schedule, segment)) return from
  const local = nextLocalTime(schedule, firstLocal(schedule, segment, from))
  return local !== undefined && local < segment.end + segment.offset ? local - segment.offset : undefined
}

/** The first local time of the segment, at or after the moment `from`, that counts for this schedule. */
function firstLocal(schedule: CalendarSchedule, segment: ClockSegment, from: number): number {
  const local = from + segment.offset
  return schedule.followsClock ? local : Math.max(local, segment.reached)
}

function firesAtGapEnd(schedule: CalendarSchedule, segment: ClockSegment): boolean {
  if (schedule.followsClock) return false
  const skipped = nextLocalTime(schedule, segment.reached)
  return skipped !== undefined && skipped < segment.start + segment.offset
}

function selects(schedule: CalendarSchedule, local: number): boolean {
  return countLocalTimes(schedule, local, local + SECOND) > 0
}
