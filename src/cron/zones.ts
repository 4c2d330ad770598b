import { CronError, quote } from './cron-error.ts'

const DAY = 86_400_000

/**
 * Abbreviations that ICU accepts although they are no IANA names. They are refused because most readers would take
 * them for another place: ICU reads BST as Dhaka and AST as Anchorage.
 */
const ABBREVIATIONS = new Set(
  'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST'.split(' '),
)

/**
 * A stretch of time in which a zone's clock runs evenly. All in milliseconds; "local" is the wall clock read as if it
 * were UTC.
 */
export interface ClockSegment {
  /** The first moment; a change of the clock, or merely where the calculation was cut. */
  readonly start: number
  /** The first moment after it. */
  readonly end: number
  /** Local minus UTC. */
  readonly offset: number
  /**
   * How far the local clock had come when the segment began. Above `start + offset`: the clock was set back, and the
   * local times up to here are shown for the second time. Below it: the clock was set forward, and the local times
   * from here to `start + offset` are never shown.
   */
  readonly reached: number
}

/** Segments are computed and kept per stretch of this length. */
const CHUNK = 32 * DAY

/** How far before a chunk a change of the clock may lie and still matter inside; no zone's clock jumps further. */
const LOOKBACK = 2 * DAY

/** Per zone; 1,000 chunks are 87 years. The cache starts anew when it is full. */
const MAX_CHUNKS = 1_000

interface ZoneClock {
  readonly format: Intl.DateTimeFormat
  readonly chunks: Map<number, readonly ClockSegment[]>
  /** The name that the format gives the zone, asked for once. */
  resolved?: string
}

const clocks = new Map<string, ZoneClock>()

/**
 * Checks the name of a time zone against the zone data of this Node: names of the IANA database in any case, no
 * offsets (`+01:00`), no abbreviations (`PST`), not `Local`.
 *
 * @returns the name in its usual spelling.
 * @throws CronError when it is unknown.
 */
export function checkZone(timezone: string): string {
  const clock = clockOf(timezone)
  clock.resolved ??= clock.format.resolvedOptions().timeZone
  const { resolved } = clock
  // Node resolves an alias to its target (US/Eastern to America/New_York); what was asked for stays.
  return resolved.toLowerCase() === timezone.toLowerCase() ? resolved : timezone
}

/** The machine's own zone (environment `TZ`, else the system's); `UTC` where it has none with an IANA name. */
export function machineZone(): string {
  // Undefined under a TZ that Node cannot resolve, whatever the type says.
  const timezone: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone
  try {
    return timezone === undefined ? 'UTC' : checkZone(timezone)
  } catch {
    return 'UTC'
  }
}

/**
 * The zone with its offset at that moment, for people: `Europe/Berlin (UTC+02:00)`, and plain `UTC` for UTC.
 *
 * @throws CronError when the zone is unknown.
 */
export function describeZone(timezone: string, at: Date): string {
  const name = checkZone(timezone)
  return name === 'UTC' ? name : `${name} (UTC${formatOffset(zoneOffset(name, at.getTime()))})`
}

/** An offset in milliseconds as ISO 8601 writes it: `+02:00`, `-03:30`; seconds only where there are some. */
export function formatOffset(offset: number): string {
  const seconds = Math.abs(Math.round(offset / 1000))
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  if (seconds % 60 > 0) parts.push(seconds % 60)
  return (offset < 0 ? '-' : '+') + parts.map((part) => String(part).padStart(2, '0')).join(':')
}

/**
 * A moment as ISO 8601 in a zone, to the second: `2026-03-29T09:00:00+02:00`, and with `Z` in UTC.
 *
 * @throws CronError when the zone is unknown.
 */
export function formatInZone(moment: Date, timezone: string): string {
  const offset = zoneOffset(timezone, moment.getTime())
  const local = new Date(moment.getTime() + offset).toISOString().slice(0, 19)
  return local + (checkZone(timezone) === 'UTC' ? 'Z' : formatOffset(offset))
}

/**
 * Local time minus UTC at a moment, both in milliseconds.
 *
 * @throws CronError when the zone is unknown.
 */
export function zoneOffset(timezone: string, at: number): number {
  return offsetAt(clockOf(timezone).format, at)
}

/**
 * The segment that holds the moment `at`, in milliseconds.
 *
 * @throws CronError when the zone is unknown.
 */
export function segmentAt(timezone: string, at: number): ClockSegment {
  const clock = clockOf(timezone)
  const index = Math.floor(at / CHUNK)
  let segments = clock.chunks.get(index)
  if (segments === undefined) {
    segments = findSegments(clock.format, index * CHUNK)
    if (clock.chunks.size >= MAX_CHUNKS) clock.chunks.clear()
    clock.chunks.set(index, segments)
  }
  const segment = segments.find(({ end }) => at < end)
  if (segment === undefined) throw new RangeError(`No clock segment of ${timezone} holds ${at}.`)
  return segment
}

function clockOf(timezone: string): ZoneClock {
  let clock = clocks.get(timezone)
  if (clock === undefined) {
    clock = { format: zoneFormat(timezone), chunks: new Map() }
    clocks.set(timezone, clock)
  }
  return clock
}

function zoneFormat(timezone: string): Intl.DateTimeFormat {
  if (/^[a-z]/i.test(timezone) && !ABBREVIATIONS.has(timezone.toUpperCase())) {
    try {
      return new Intl.DateTimeFormat('en-US', {
        timeZone: timezone,
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      })
    } catch {
      // Unknown to this Node; said below in our own words.
    }
  }
  throw new CronError(
    `The time zone ${quote(timezone)} is unknown; allowed: names of the IANA time zone database such as UTC or Europe/Berlin.`,
  )
}

/** The format's en-US text is `month/day/year, hour:minute:second`. */
function offsetAt(format: Intl.DateTimeFormat, at: number): number {
  const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] =
    format.format(at).match(/\d+/g)?.map(Number) ?? []
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000
}

/** The segments of the chunk that begins at `start`, in order. Looks once a day, since no clock changes more often. */
function findSegments(format: Intl.DateTimeFormat, start: number): ClockSegment[] {
  const segments: ClockSegment[] = []
  const end = start + CHUNK
  let from = start
  let reached: number | undefined
  let offset = offsetAt(format, start - LOOKBACK)
  for (let day = start - LOOKBACK; day < end; day += DAY) {
    const next = offsetAt(format, day + DAY)
    if (next === offset) continue
    const change = findChange(format, day, day + DAY, offset)
    // A change at the very end belongs to the next chunk, which finds it by looking back.
    if (change >= end) break
    if (change > start) {
      segments.push({ start: from, end: change, offset, reached: reached ?? from + offset })
      from = change
    }
    // Of a change before the chunk only the repetition can reach into it, never the gap.
    reached = change < start ? Math.max(change + offset, start + next) : change + offset
    offset = next
  }
  segments.push({ start: from, end, offset, reached: reached ?? from + offset })
  return segments
}

/** The first whole second in (from, to] whose offset is no longer `offset`. */
function findChange(format: Intl.DateTimeFormat, from: number, to: number, offset: number): number {
  let same = from
  let changed = to
  while (changed - same > 1000) {
    const middle = Math.floor((same + changed) / 2000) * 1000
    if (offsetAt(format, middle) === offset) same = middle
    else changed = middle
  }
  return changed
}
