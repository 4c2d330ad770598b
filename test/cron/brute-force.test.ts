import { Cron } from 'croner'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countFires, fireSummary, nextFire, nextFires, parseCron, previousFire } from '#cron/index.ts'

const MINUTE = 60_000

interface LocalMinute {
  readonly minute: number
  readonly hour: number
  readonly dayOfMonth: number
  readonly month: number
  readonly dayOfWeek: number
  /** The wall clock read as UTC. */
  readonly wall: number
}

/** An expression together with what it selects, built side by side so that the parser is checked too. */
interface Sample {
  readonly text: string
  readonly selects: (local: LocalMinute) => boolean
  readonly followsClock: boolean
}

interface FieldSample {
  readonly text: string
  readonly values: ReadonlySet<number>
  readonly star: boolean
  readonly recurring: boolean
}

function fieldSample(min: number, max: number): fc.Arbitrary<FieldSample> {
  const values = (first: number, last: number, step: number): number[] => {
    const list: number[] = []
    for (let value = first; value <= last; value += step) list.push(value)
    return list
  }
  const number = fc.integer({ min, max })
  const step = fc.integer({ min: 1, max: Math.ceil((max - min) / 2) })
  const item = fc.oneof(
    fc.constantFrom('*', '?').map((text) => ({ text, values: values(min, max, 1), star: true, recurring: true })),
    step.map((by) => ({ text: `*/${by}`, values: values(min, max, by), star: by === 1, recurring: true })),
    number.map((value) => ({ text: `${value}`, values: [value], star: false, recurring: false })),
    fc.tuple(number, number).map(([a, b]) => {
      const [low, high] = a < b ? [a, b] : [b, a]
      return { text: `${low}-${high}`, values: values(low, high, 1), star: false, recurring: false }
    }),
    fc.tuple(number, step).map(([from, by]) => {
      return { text: `${from}/${by}`, values: values(from, max, by), star: false, recurring: true }
    }),
  )
  return fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => ({
    text: items.map(({ text }) => text).join(','),
    values: new Set(items.flatMap((each) => each.values)),
    star: items.some(({ star }) => star),
    recurring: items.some(({ recurring }) => recurring),
  }))
}

const sample: fc.Arbitrary<Sample> = fc
  .record({
    minute: fieldSample(0, 59),
    // The small hours are where clocks change.
    hour: fc.oneof(
      fieldSample(0, 23),
      fieldSample(0, 3).filter(({ recurring }) => !recurring),
    ),
    dayOfMonth: fieldSample(1, 31),
    month: fc.oneof(
      fieldSample(1, 12),
      fc.constant({ text: '*', values: new Set(Array(13).keys()), star: true, recurring: true }),
    ),
    dayOfWeek: fieldSample(0, 6),
  })
  .map(({ minute, hour, dayOfMonth, month, dayOfWeek }) => ({
    text: [minute, hour, dayOfMonth, month, dayOfWeek].map(({ text }) => text).join(' '),
    followsClock: minute.recurring || hour.recurring,
    selects: (local) => {
      const byMonth = dayOfMonth.values.has(local.dayOfMonth)
      const byWeek = dayOfWeek.values.has(local.dayOfWeek)
      const day = dayOfMonth.star || dayOfWeek.star ? byMonth && byWeek : byMonth || byWeek
      return day && month.values.has(local.month) && hour.values.has(local.hour) && minute.values.has(local.minute)
    },
  }))

function wallMinute(wall: number): LocalMinute {
  const date = new Date(wall)
  return {
    wall,
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    dayOfMonth: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    dayOfWeek: date.getUTCDay(),
  }
}

/** What the clock of a zone shows in every minute of a window, asked of Intl one minute at a time. */
interface ClockTable {
  readonly timezone: string
  readonly start: number
  readonly minutes: readonly LocalMinute[]
}

function clockTable(timezone: string, around: string, days: number): ClockTable {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' })
  const start = Date.parse(around) - (days / 2) * 1440 * MINUTE
  const minutes = Array.from({ length: days * 1440 }, (_, index) => {
    return wallMinute(Date.parse(`${format.format(start + index * MINUTE).replace(' ', 'T')}Z`))
  })
  return { timezone, start, minutes }
}

/** The rules, minute by minute, with nothing clever. The first day only serves to know what was shown before. */
function bruteForce({ start, minutes }: ClockTable, { selects, followsClock }: Sample): number[] {
  const fires: number[] = []
  const shown = new Set<number>()
  minutes.forEach((local, index) => {
    const previous = minutes[index - 1]
    let fire = selects(local) && (followsClock || !shown.has(local.wall))
    if (!followsClock && previous !== undefined) {
      for (let wall = previous.wall + MINUTE; wall < local.wall; wall += MINUTE) {
        if (!shown.has(wall) && selects(wallMinute(wall))) fire = true
      }
    }
    shown.add(local.wall)
    if (fire && index >= 1440) fires.push(start + index * MINUTE)
  })
  return fires
}

// One table per kind of change: an hour, half an hour, at and across midnight, a whole day, none.
const tables = [
  clockTable('America/New_York', '2026-03-08T07:00Z', 4),
  clockTable('America/New_York', '2026-11-01T06:00Z', 4),
  clockTable('Europe/London', '2026-10-25T01:00Z', 4),
  clockTable('Australia/Lord_Howe', '2026-04-04T15:00Z', 4),
  clockTable('Australia/Lord_Howe', '2026-10-03T15:30Z', 4),
  clockTable('America/Havana', '2026-03-08T05:00Z', 4),
  clockTable('America/Havana', '2026-11-01T05:00Z', 4),
  clockTable('Asia/Beirut', '2026-03-28T22:00Z', 4),
  clockTable('Asia/Beirut', '2026-10-24T21:00Z', 4),
  clockTable('America/Asuncion', '2024-03-24T03:00Z', 4),
  clockTable('America/Asuncion', '2024-10-06T04:00Z', 4),
  clockTable('America/St_Johns', '2010-11-07T02:31Z', 4),
  clockTable('America/St_Johns', '2011-03-13T03:31Z', 4),
  clockTable('Pacific/Apia', '2011-12-30T10:00Z', 6),
  clockTable('Asia/Jerusalem', '2019-03-29T00:00Z', 4),
  clockTable('Europe/Chisinau', '2020-10-25T00:00Z', 4),
  clockTable('Antarctica/Troll', '2026-03-29T01:00Z', 4),
  clockTable('Asia/Kathmandu', '2026-02-28T12:00Z', 6),
  clockTable('UTC', '2028-02-29T12:00Z', 6),
]

describe('against a minute-by-minute matcher', () => {
  test('the same fires, in order, and windows agree with them', () => {
    fc.assert(
      fc.property(fc.constantFrom(...tables), sample, fc.nat(), fc.nat(), (table, cron, a, b) => {
        const schedule = parseCron(cron.text)
        const { timezone } = table
        const expected = bruteForce(table, cron)
        const after = new Date(table.start + 1440 * MINUTE - 1000)
        const before = new Date(table.start + (table.minutes.length - 1) * MINUTE)

        const fires = nextFires(schedule, { after, timezone }, expected.length + 1).filter((fire) => fire <= before)
        expect(fires.map((fire) => fire.getTime())).toEqual(expected)
        expect(countFires(schedule, { after, before, timezone })).toBe(expected.length)
        expect(previousFire(schedule, { after, before, timezone })?.getTime()).toBe(expected.at(-1))

        // Any window inside, of any second.
        const seconds = (before.getTime() - after.getTime()) / 1000
        const [from, to] = [a % seconds, b % seconds].sort((x, y) => x - y) as [number, number]
        const window = {
          timezone,
          after: new Date(after.getTime() + from * 1000),
          before: new Date(after.getTime() + to * 1000),
        }
        const inside = expected.filter((fire) => fire > window.after.getTime() && fire <= window.before.getTime())
        expect(fireSummary(schedule, window)).toEqual(
          inside.length === 0
            ? undefined
            : { first: new Date(inside[0] ?? 0), last: new Date(inside.at(-1) ?? 0), count: inside.length },
        )
      }),
      { numRuns: 1500 },
    )
  })
})

/** croner knows neither `?` as a star nor `N/step`, and joins the day fields by what they select, not by stars. */
function inCronersWords(text: string): string | undefined {
  const fields = text.replaceAll('?', '*').split(' ')
  if (fields[2] !== '*' && fields[4] !== '*') return undefined
  const ends = [59, 23, 31, 12, 6]
  return fields.map((field, index) => field.replace(/(^|,)(\d+)\//g, `$1$2-${ends[index]}/`)).join(' ')
}

describe('against croner', () => {
  test('the same fires in UTC where the grammars mean the same', () => {
    const moments = fc.date({ min: new Date('1999-01-01'), max: new Date('2099-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(sample, moments, ({ text }, after) => {
        const theirText = inCronersWords(text)
        fc.pre(theirText !== undefined)
        const theirs = new Cron(theirText, { timezone: 'UTC', paused: true }).nextRuns(5, after)
        expect(nextFires(parseCron(text), { after, timezone: 'UTC' }, 5)).toEqual(theirs)
      }),
      { numRuns: 300 },
    )
  })
})

describe('over years', () => {
  test('fires strictly increase, are whole minutes, and agree with count and previous', () => {
    const zones = ['UTC', ...new Set(tables.map(({ timezone }) => timezone))]
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        sample,
        fc.date({ min: new Date('1975-01-01'), max: new Date('2060-01-01'), noInvalidDate: true }),
        (timezone, cron, after) => {
          const schedule = parseCron(cron.text)
          const fires = nextFires(schedule, { after, timezone }, 60)
          let last = after
          for (const fire of fires) {
            expect(fire.getTime()).toBeGreaterThan(last.getTime())
            expect(fire.getTime() % 1000).toBe(0)
            last = fire
          }
          fc.pre(fires.length > 0)
          const window = { after, before: last, timezone }
          expect(countFires(schedule, window)).toBe(fires.length)
          expect(previousFire(schedule, window)).toEqual(last)
          expect(nextFire(schedule, { after: new Date(last.getTime() - 1), timezone })).toEqual(last)
        },
      ),
      { numRuns: 500 },
    )
  })
})
