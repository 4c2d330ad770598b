import { describe, expect, test } from 'vitest'
import { countFires, fireSummary, nextFire, nextFires, parseCron, previousFire, scheduleZone } from '#cron/index.ts'

const UTC = { timezone: 'UTC' }
const iso = (dates: readonly Date[]): string[] => dates.map((date) => date.toISOString().replace('.000Z', 'Z'))

describe('calendar schedules', () => {
  test.each<[expression: string, after: string, ...fires: string[]]>([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z'],
    ['* * * * *', '2026-01-01T00:00:59.999Z', '2026-01-01T00:01:00Z'],
    ['* * * * *', '2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z'],
    ['0 0 29 2 *', '2096-03-01T00:00:00Z', '2104-02-29T00:00:00Z'],
    ['0 0 31 * *', '2026-01-31T00:00:00Z', '2026-03-31T00:00:00Z', '2026-05-31T00:00:00Z'],
    // 2026-01-05 is a Monday.
    ['0 0 13 * 1', '2026-01-04T00:00:00Z', '2026-01-05T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-13T00:00:00Z'],
    ['0 0 */15 * 1', '2026-01-04T00:00:00Z', '2026-01-05T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-16T00:00:00Z'],
    ['0 0 */1 * 1', '2026-01-04T00:00:00Z', '2026-01-05T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-19T00:00:00Z'],
    ['0 0 ? * 7', '2026-01-04T00:00:00Z', '2026-01-11T00:00:00Z', '2026-01-18T00:00:00Z'],
    ['0 0 1 1,7 *', '2026-01-01T00:00:00Z', '2026-07-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['CRON_TZ=Asia/Tokyo 0 9 * * *', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['TZ=Asia/Kathmandu @daily', '2026-01-01T00:00:00Z', '2026-01-01T18:15:00Z'],
  ])('%s after %s', (expression, after, ...expected) => {
    const fires = nextFires(parseCron(expression), { ...UTC, after: new Date(after) }, expected.length)
    expect(iso(fires)).toEqual(expected)
  })

  test('an impossible date never fires, in either direction', () => {
    const schedule = parseCron('0 0 31 2 *')
    const window = { ...UTC, after: new Date(0), before: new Date('2026-01-01') }
    expect(nextFire(schedule, window)).toBeUndefined()
    expect(nextFires(schedule, window, 3)).toEqual([])
    expect(previousFire(schedule, window)).toBeUndefined()
    expect(countFires(schedule, window)).toBe(0)
  })

  test('the job zone applies without a prefix, and the prefix beats it', () => {
    const after = new Date('2026-01-01T00:00:00Z')
    expect(scheduleZone(parseCron('@daily'), 'Asia/Tokyo')).toBe('Asia/Tokyo')
    expect(scheduleZone(parseCron('TZ=UTC @daily'), 'Asia/Tokyo')).toBe('UTC')
    expect(nextFire(parseCron('0 9 * * *'), { after, timezone: 'Asia/Tokyo' })).toEqual(
      new Date('2026-01-02T00:00:00Z'),
    )
    expect(nextFire(parseCron('TZ=UTC 0 9 * * *'), { after, timezone: 'Asia/Tokyo' })).toEqual(
      new Date('2026-01-01T09:00:00Z'),
    )
  })

  test('moments outside 1900 to 9999 end the search instead of failing', () => {
    const hourly = parseCron('@hourly')
    expect(nextFire(hourly, { ...UTC, after: new Date('0001-01-01T00:00:00Z') })).toEqual(
      new Date('1900-01-01T00:00:00Z'),
    )
    expect(nextFire(hourly, { ...UTC, after: new Date('9999-12-31T23:30:00Z') })).toBeUndefined()
    expect(nextFire(hourly, { ...UTC, after: new Date(8.64e15) })).toBeUndefined()
  })

  test('an invalid date is a mistake of the caller, not a schedule without fires', () => {
    expect(() => nextFire(parseCron('@hourly'), { ...UTC, after: new Date(Number.NaN) })).toThrow(RangeError)
  })

  test('an unknown zone is said', () => {
    expect(() => nextFire(parseCron('@hourly'), { timezone: 'Mars/Olympus', after: new Date(0) })).toThrow(
      '"Mars/Olympus"',
    )
  })
})

describe('@every', () => {
  const createdAt = new Date('2026-01-01T10:00:00.900Z')

  test.each<[expression: string, after: string, fire: string]>([
    ['@every 90s', '2026-01-01T10:00:00.900Z', '2026-01-01T10:01:30Z'],
    ['@every 90s', '2026-01-01T10:01:29.999Z', '2026-01-01T10:01:30Z'],
    ['@every 90s', '2026-01-01T10:01:30Z', '2026-01-01T10:03:00Z'],
    ['@every 90s', '2020-01-01T00:00:00Z', '2026-01-01T10:01:30Z'],
    ['@every 1s', '2026-01-01T10:00:00.999Z', '2026-01-01T10:00:01Z'],
    ['@every 8760h', '2026-06-01T00:00:00Z', '2027-01-01T10:00:00Z'],
  ])('%s after %s', (expression, after, expected) => {
    const fire = nextFire(parseCron(expression), { ...UTC, createdAt, after: new Date(after) })
    expect(fire).toEqual(new Date(expected))
  })

  test('the anchor is the epoch without a creation time, and neither zone nor clock changes matter', () => {
    const after = new Date('2026-03-08T06:59:00Z')
    const expected = [new Date('2026-03-08T07:00:00Z'), new Date('2026-03-08T08:00:00Z')]
    expect(nextFires(parseCron('@every 1h'), { timezone: 'America/New_York', after }, 2)).toEqual(expected)
    expect(nextFires(parseCron('TZ=Asia/Tokyo @every 1h'), { ...UTC, after }, 2)).toEqual(expected)
  })

  test('previous, count and summary leave out the anchor itself', () => {
    const schedule = parseCron('@every 90s')
    const window = { ...UTC, createdAt, after: new Date(0), before: new Date('2026-01-01T10:03:00Z') }
    expect(fireSummary(schedule, window)).toEqual({
      first: new Date('2026-01-01T10:01:30Z'),
      last: new Date('2026-01-01T10:03:00Z'),
      count: 2,
    })
    expect(countFires(schedule, { ...window, before: new Date('2026-01-01T10:01:29Z') })).toBe(0)
    expect(previousFire(schedule, { ...window, before: new Date('2026-01-01T10:01:29Z') })).toBeUndefined()
    expect(countFires(parseCron('@every 1s'), { ...UTC, after: new Date(0), before: new Date(1e12 + 999) })).toBe(1e9)
  })

  test('beyond the year 9999 it does not fire', () => {
    const after = new Date('9900-01-01')
    expect(nextFire(parseCron('@every 2562047h'), { ...UTC, createdAt: after, after })).toBeUndefined()
  })
})

describe('windows', () => {
  const schedule = parseCron('0 12 * * *')
  const noon = (day: string): Date => new Date(`2026-01-${day}T12:00:00Z`)

  test('exclusive at the start, inclusive at the end', () => {
    const window = { ...UTC, after: noon('01'), before: noon('04') }
    expect(fireSummary(schedule, window)).toEqual({ first: noon('02'), last: noon('04'), count: 3 })
    const short = { ...UTC, after: noon('01'), before: new Date('2026-01-04T11:59:59.999Z') }
    expect(fireSummary(schedule, short)).toEqual({ first: noon('02'), last: noon('03'), count: 2 })
  })

  test('empty and reversed windows have no fires', () => {
    for (const before of [noon('01'), new Date('2026-01-02T11:59:59Z'), noon('02'), new Date(0)]) {
      const window = { ...UTC, after: noon('02'), before }
      expect(fireSummary(schedule, window)).toBeUndefined()
      expect(previousFire(schedule, window)).toBeUndefined()
      expect(countFires(schedule, window)).toBe(0)
    }
  })

  test('five years of downtime', () => {
    const window = {
      timezone: 'Europe/Berlin',
      after: new Date('2021-01-01T00:00:00Z'),
      before: new Date('2026-01-01T00:00:30Z'),
    }
    const days = 5 * 365 + 1
    expect(fireSummary(parseCron('* * * * *'), window)).toEqual({
      first: new Date('2021-01-01T00:01:00Z'),
      last: new Date('2026-01-01T00:00:00Z'),
      count: days * 1440,
    })
    expect(fireSummary(parseCron('30 2 * * *'), window)).toEqual({
      first: new Date('2021-01-01T01:30:00Z'),
      last: new Date('2025-12-31T01:30:00Z'),
      count: days,
    })
    expect(fireSummary(parseCron('0 0 29 2 *'), window)).toEqual({
      first: new Date('2024-02-28T23:00:00Z'),
      last: new Date('2024-02-28T23:00:00Z'),
      count: 1,
    })
  })
})
