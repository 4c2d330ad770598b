import { expect, test } from 'vitest'
import { CronError, checkZone, describeZone, formatInZone, formatOffset, machineZone } from '#cron/index.ts'
import { segmentAt, zoneOffset } from '#cron/zones.ts'

test.each([
  ['UTC', 'UTC'],
  ['utc', 'UTC'],
  ['europe/berlin', 'Europe/Berlin'],
  ['America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'],
  ['US/Eastern', 'US/Eastern'],
  ['Etc/GMT+5', 'Etc/GMT+5'],
  ['CET', 'CET'],
])('%s is a zone', (given, name) => {
  expect(checkZone(given).toLowerCase()).toBe(name.toLowerCase())
})

test.each([
  '',
  ' ',
  'Local',
  'local',
  'Mars/Olympus',
  '+01:00',
  'UTC+3',
  'PST',
  'bst',
  'Europe/Berlin ',
  '../etc/passwd',
])('%j is refused', (name) => {
  expect(() => checkZone(name)).toThrow(CronError)
  expect(() => checkZone(name)).toThrow(`The time zone ${JSON.stringify(name)} is unknown; allowed: names of the IANA`)
})

test.each([
  ['', 'UTC'],
  ['Nope/Nope', 'UTC'],
  ['Asia/Tokyo', 'Asia/Tokyo'],
])('with TZ=%j the machine zone is %s', (value, expected) => {
  const before = process.env.TZ
  process.env.TZ = value
  try {
    expect(machineZone()).toBe(expected)
  } finally {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  }
})

test.each([
  ['Europe/Berlin', '2026-07-01', 'Europe/Berlin (UTC+02:00)'],
  ['Europe/Berlin', '2026-01-01', 'Europe/Berlin (UTC+01:00)'],
  ['america/st_johns', '2026-01-01', 'America/St_Johns (UTC-03:30)'],
  ['Asia/Kathmandu', '2026-01-01', 'Asia/Kathmandu (UTC+05:45)'],
  ['UTC', '2026-01-01', 'UTC'],
])('%s on %s is described as %s', (timezone, at, text) => {
  expect(describeZone(timezone, new Date(at))).toBe(text)
})

test('an offset has seconds only where there are some', () => {
  expect(formatOffset(0)).toBe('+00:00')
  expect(formatOffset(-12_600_000)).toBe('-03:30')
  expect(formatOffset(zoneOffset('America/New_York', Date.UTC(1870, 0, 1)))).toBe('-04:56:02')
})

test('segments follow one another without a hole, and each has one offset', () => {
  for (const timezone of [
    'Africa/Casablanca',
    'Africa/Cairo',
    'Asia/Gaza',
    'Antarctica/Troll',
    'Pacific/Apia',
    'UTC',
  ]) {
    let at = Date.UTC(2008, 0, 1)
    let reached = at + zoneOffset(timezone, at)
    while (at < Date.UTC(2027, 0, 1)) {
      const segment = segmentAt(timezone, at)
      expect(segment.start).toBeLessThanOrEqual(at)
      expect(segment.end).toBeGreaterThan(at)
      // Every six hours, and the last second before the end.
      for (let inside = at; inside < segment.end; inside += 21_600_000) {
        expect(zoneOffset(timezone, inside)).toBe(segment.offset)
      }
      expect(zoneOffset(timezone, segment.end - 1000)).toBe(segment.offset)
      if (segment.start === at)
        expect(segment.reached).toBe(Math.max(reached, Math.min(segment.reached, at + segment.offset)))
      reached = segment.end + segment.offset
      at = segment.end
    }
  }
})

test.each([
  ['UTC', '2026-07-01T10:00:00Z'],
  ['Europe/Berlin', '2026-07-01T12:00:00+02:00'],
  ['America/St_Johns', '2026-07-01T07:30:00-02:30'],
])('a moment in %s is %s', (zone, written) => {
  expect(formatInZone(new Date('2026-07-01T10:00:00.900Z'), zone)).toBe(written)
})
