import { describe, expect, test } from 'vitest'
import { countFires, nextFires, parseCron } from '#cron/index.ts'

type Row = [expression: string, after: string, ...fires: string[]]

function check(timezone: string, [expression, after, ...expected]: Row): void {
  const fires = nextFires(parseCron(expression), { after: new Date(after), timezone }, expected.length)
  expect(fires.map((fire) => fire.toISOString().replace(':00.000Z', 'Z'))).toEqual(expected)
}

// The clock goes from 02:00 to 03:00 on 2026-03-08 (07:00Z), from 02:00 back to 01:00 on 2026-11-01 (06:00Z).
describe('America/New_York', () => {
  test.each<Row>([
    // Fixed times in the gap fire once, at its end.
    ['30 2 * * *', '2026-03-07T08:00Z', '2026-03-08T07:00Z', '2026-03-09T06:30Z'],
    ['0 2 * * *', '2026-03-07T08:00Z', '2026-03-08T07:00Z', '2026-03-09T06:00Z'],
    ['59 2 * * *', '2026-03-07T08:00Z', '2026-03-08T07:00Z', '2026-03-09T06:59Z'],
    ['0,15,45 2 * * *', '2026-03-07T08:00Z', '2026-03-08T07:00Z', '2026-03-09T06:00Z', '2026-03-09T06:15Z'],
    ['0,30 2,3 * * *', '2026-03-08T06:00Z', '2026-03-08T07:00Z', '2026-03-08T07:30Z', '2026-03-09T06:00Z'],
    ['30 2 8 3 *', '2026-03-01T00:00Z', '2026-03-08T07:00Z', '2027-03-08T07:30Z'],
    ['30 2 * * sun', '2026-03-07T00:00Z', '2026-03-08T07:00Z', '2026-03-15T06:30Z'],
    ['30 2 9 * *', '2026-03-07T00:00Z', '2026-03-09T06:30Z', '2026-04-09T06:30Z'],
    // Neighbours of the gap are untouched.
    ['59 1 * * *', '2026-03-08T00:00Z', '2026-03-08T06:59Z', '2026-03-09T05:59Z'],
    ['0 3 * * *', '2026-03-08T00:00Z', '2026-03-08T07:00Z', '2026-03-09T07:00Z'],
    // The clock is followed over the gap.
    ['*/20 2 * * *', '2026-03-08T00:00Z', '2026-03-09T06:00Z'],
    ['* 2 * * *', '2026-03-08T00:00Z', '2026-03-09T06:00Z'],
    ['30 * * * *', '2026-03-08T05:00Z', '2026-03-08T05:30Z', '2026-03-08T06:30Z', '2026-03-08T07:30Z'],
    ['0 */2 * * *', '2026-03-08T04:00Z', '2026-03-08T05:00Z', '2026-03-08T08:00Z', '2026-03-08T10:00Z'],
    ['*/30 * * * *', '2026-03-08T06:00Z', '2026-03-08T06:30Z', '2026-03-08T07:00Z', '2026-03-08T07:30Z'],
    // Fixed times that occur twice fire the first time.
    ['30 1 * * *', '2026-11-01T00:00Z', '2026-11-01T05:30Z', '2026-11-02T06:30Z'],
    ['30 1 * * *', '2026-11-01T06:00Z', '2026-11-02T06:30Z'],
    ['0,30 1 * * *', '2026-11-01T05:10Z', '2026-11-01T05:30Z', '2026-11-02T06:00Z'],
    ['0 2 * * *', '2026-11-01T00:00Z', '2026-11-01T07:00Z', '2026-11-02T07:00Z'],
    ['30 0-3 * * *', '2026-11-01T04:00Z', '2026-11-01T04:30Z', '2026-11-01T05:30Z', '2026-11-01T07:30Z'],
    // The clock is followed through the repeated hour.
    ['30 * * * *', '2026-11-01T05:00Z', '2026-11-01T05:30Z', '2026-11-01T06:30Z', '2026-11-01T07:30Z'],
    ['*/30 1 * * *', '2026-11-01T04:00Z', '2026-11-01T05:00Z', '2026-11-01T05:30Z', '2026-11-01T06:00Z'],
    ['15 1/12 * * *', '2026-11-01T04:00Z', '2026-11-01T05:15Z', '2026-11-01T06:15Z', '2026-11-01T18:15Z'],
    ['@hourly', '2026-11-01T04:30Z', '2026-11-01T05:00Z', '2026-11-01T06:00Z', '2026-11-01T07:00Z'],
  ])('%s after %s', (...row) => check('America/New_York', row))
})

// Half an hour: from 02:00 back to 01:30 on 2026-04-05 (15:00Z the day before), 02:00 to 02:30 on 2026-10-04 (15:30Z).
describe('Australia/Lord_Howe', () => {
  test.each<Row>([
    ['45 1 * * *', '2026-04-04T12:00Z', '2026-04-04T14:45Z', '2026-04-05T15:15Z'],
    ['15 1 * * *', '2026-04-04T12:00Z', '2026-04-04T14:15Z', '2026-04-05T14:45Z'],
    [
      '*/15 1 * * *',
      '2026-04-04T14:20Z',
      '2026-04-04T14:30Z',
      '2026-04-04T14:45Z',
      '2026-04-04T15:00Z',
      '2026-04-04T15:15Z',
      '2026-04-05T14:30Z',
    ],
    ['15 2 * * *', '2026-10-03T12:00Z', '2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    ['45 2 * * *', '2026-10-03T12:00Z', '2026-10-03T15:45Z', '2026-10-04T15:45Z'],
    ['*/15 2 * * *', '2026-10-03T12:00Z', '2026-10-03T15:30Z', '2026-10-03T15:45Z', '2026-10-04T15:00Z'],
  ])('%s after %s', (...row) => check('Australia/Lord_Howe', row))
})

describe('changes at midnight', () => {
  // 00:00 to 01:00 on 2026-03-08 (05:00Z); 01:00 back to 00:00 on 2026-11-01 (05:00Z).
  test.each<Row>([
    ['@daily', '2026-03-07T06:00Z', '2026-03-08T05:00Z', '2026-03-09T04:00Z'],
    ['30 0 * * sun', '2026-03-07T06:00Z', '2026-03-08T05:00Z', '2026-03-15T04:30Z'],
    ['*/30 0 * * *', '2026-03-07T06:00Z', '2026-03-09T04:00Z'],
    ['@daily', '2026-10-31T06:00Z', '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
    [
      '*/30 0 * * *',
      '2026-10-31T06:00Z',
      '2026-11-01T04:00Z',
      '2026-11-01T04:30Z',
      '2026-11-01T05:00Z',
      '2026-11-01T05:30Z',
    ],
  ])('America/Havana: %s after %s', (...row) => check('America/Havana', row))

  // 00:00 to 01:00 on 2026-03-29 (22:00Z the day before); 00:00 back to 23:00 of 2026-10-24 (21:00Z).
  test.each<Row>([
    ['0 0 29 * *', '2026-03-01T00:00Z', '2026-03-28T22:00Z', '2026-04-28T21:00Z'],
    ['@daily', '2026-10-23T00:00Z', '2026-10-23T21:00Z', '2026-10-24T22:00Z', '2026-10-25T22:00Z'],
    ['30 23 * * *', '2026-10-24T00:00Z', '2026-10-24T20:30Z', '2026-10-25T21:30Z'],
    ['30 23 24 * *', '2026-10-24T20:30Z', '2026-11-24T21:30Z'],
    ['30 */23 * * *', '2026-10-24T00:00Z', '2026-10-24T20:30Z', '2026-10-24T21:30Z', '2026-10-24T22:30Z'],
  ])('Asia/Beirut: %s after %s', (...row) => check('Asia/Beirut', row))

  // 00:00 back to 23:00 of 2024-03-23 (03:00Z); 00:00 to 01:00 on 2024-10-06 (04:00Z).
  test.each<Row>([
    ['@daily', '2024-03-23T00:00Z', '2024-03-23T03:00Z', '2024-03-24T04:00Z'],
    ['59 23 * * sat', '2024-03-20T00:00Z', '2024-03-24T02:59Z', '2024-03-31T03:59Z'],
    ['@weekly', '2024-10-01T00:00Z', '2024-10-06T04:00Z', '2024-10-13T03:00Z'],
  ])('America/Asuncion: %s after %s', (...row) => check('America/Asuncion', row))

  // One minute past midnight back to 23:01 of the day before, 2010-11-07 (02:31Z): midnight comes twice.
  test.each<Row>([
    ['@daily', '2010-11-06T12:00Z', '2010-11-07T02:30Z', '2010-11-08T03:30Z'],
    ['30 23 * * *', '2010-11-06T12:00Z', '2010-11-07T02:00Z', '2010-11-08T03:00Z'],
    ['0 */12 * * *', '2010-11-06T16:00Z', '2010-11-07T02:30Z', '2010-11-07T03:30Z', '2010-11-07T15:30Z'],
  ])('America/St_Johns: %s after %s', (...row) => check('America/St_Johns', row))
})

// 2011-12-30 does not exist there: the clock goes from its beginning (10:00Z) to that of the next day.
describe('Pacific/Apia skips a day', () => {
  test.each<Row>([
    ['0 12 * * *', '2011-12-29T12:00Z', '2011-12-29T22:00Z', '2011-12-30T10:00Z', '2011-12-30T22:00Z'],
    ['0 12 30 12 *', '2011-01-01T00:00Z', '2011-12-30T10:00Z', '2012-12-29T22:00Z'],
    ['0 */12 * * *', '2011-12-29T12:00Z', '2011-12-29T22:00Z', '2011-12-30T10:00Z', '2011-12-30T22:00Z'],
    ['0 */12 30 * *', '2011-12-01T00:00Z', '2012-01-29T10:00Z'],
  ])('%s after %s', (...row) => check('Pacific/Apia', row))
})

// Segments are computed 32 days at a time, and these changes lie exactly on that border.
describe('at the border of what is computed at once', () => {
  test.each<[timezone: string, ...Row]>([
    // 02:00 to 03:00 on 2019-03-29.
    ['Asia/Jerusalem', '30 2 * * *', '2019-03-28T12:00Z', '2019-03-29T00:00Z', '2019-03-29T23:30Z'],
    ['Asia/Jerusalem', '*/30 2 * * *', '2019-03-28T12:00Z', '2019-03-29T23:00Z'],
    // 03:00 back to 02:00 on 2020-10-25.
    ['Europe/Chisinau', '30 2 * * *', '2020-10-24T12:00Z', '2020-10-24T23:30Z', '2020-10-26T00:30Z'],
    ['Europe/Chisinau', '30 2/12 * * *', '2020-10-24T12:00Z', '2020-10-24T23:30Z', '2020-10-25T00:30Z'],
  ])('%s: %s after %s', (timezone, ...row) => check(timezone, row))
})

test('a change of the clock is complete in every year', () => {
  for (const timezone of ['America/New_York', 'Europe/Berlin', 'America/Havana']) {
    for (let year = 1980; year < 2025; year++) {
      const window = { after: new Date(Date.UTC(year, 0, 1)), before: new Date(Date.UTC(year + 1, 0, 1)), timezone }
      const days = (window.before.getTime() - window.after.getTime()) / 86_400_000
      // A repeated hour adds nothing to fixed times, and one that is skipped keeps its one fire.
      expect(countFires(parseCron('0 0 * * *'), window)).toBe(days)
      expect(countFires(parseCron('0 1 * * *'), window)).toBe(days)
      expect(countFires(parseCron('30 2 * * *'), window)).toBe(days)
      // By the clock, the hour that is lost in spring is regained in autumn.
      expect(countFires(parseCron('*/30 * * * *'), window)).toBe(days * 48)
    }
  }
})
