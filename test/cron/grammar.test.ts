import { describe, expect, test } from 'vitest'
import { CronError, parseCron, validate } from '#cron/index.ts'

/** The field sets of an expression, to compare spellings. */
function fieldsOf(expression: string): unknown {
  const { expression: _, timezone: __, ...fields } = parseCron(expression)
  return fields
}

function failure(run: () => unknown): CronError {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(CronError)
    return error as CronError
  }
  throw new Error('nothing was thrown')
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

describe('valid expressions', () => {
  test.each<[expression: string, expected: Record<string, unknown>]>([
    ['* * * * *', { minutes: range(0, 59), hours: range(0, 23), daysOfMonth: range(1, 31), months: range(1, 12) }],
    ['* * * * *', { daysOfWeek: range(0, 6), eitherDay: false, followsClock: true }],
    ['? ? ? ? ?', { minutes: range(0, 59), daysOfWeek: range(0, 6), eitherDay: false, followsClock: true }],
    ['05 007 1 1 0', { minutes: [5], hours: [7] }],
    ['5,10-12,3 * * * *', { minutes: [3, 5, 10, 11, 12] }],
    ['10-30/10 * * * *', { minutes: [10, 20, 30] }],
    ['50/4 * * * *', { minutes: [50, 54, 58] }],
    ['*/25 * * * *', { minutes: [0, 25, 50] }],
    ['*/100 * * * *', { minutes: [0] }],
    ['0 20/2 * * *', { hours: [20, 22] }],
    ['0 0 29/1 * *', { daysOfMonth: [29, 30, 31] }],
    ['0 0 * JAN,mar-May,Dec *', { months: [1, 3, 4, 5, 12] }],
    ['0 0 * oct/1 *', { months: [10, 11, 12] }],
    ['0 0 * * sun,TUE-Thu', { daysOfWeek: [0, 2, 3, 4] }],
    ['0 0 * * 7', { daysOfWeek: [0] }],
    ['0 0 * * 5-7', { daysOfWeek: [0, 5, 6] }],
    ['0 0 * * fri-7', { daysOfWeek: [0, 5, 6] }],
    ['0 0 * * 0-7', { daysOfWeek: range(0, 6), eitherDay: false }],
    ['0 0 * * 1/2', { daysOfWeek: [1, 3, 5] }],
    ['0 0 * * 7/2', { daysOfWeek: [0, 2, 4, 6] }],
    ['0 0 * * */3', { daysOfWeek: [0, 3, 6] }],
    ['  0\t0  1 *   * ', { minutes: [0], daysOfMonth: [1] }],
  ])('%s', (expression, expected) => {
    expect(parseCron(expression)).toMatchObject({ kind: 'calendar', timezone: undefined, ...expected })
  })

  test.each([
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    ['@monthly', '0 0 1 * *'],
    ['@weekly', '0 0 * * 0'],
    ['@daily', '0 0 * * *'],
    ['@midnight', '0 0 * * *'],
    ['@hourly', '0 * * * *'],
  ])('%s is %s', (descriptor, expression) => {
    expect(fieldsOf(descriptor)).toEqual(fieldsOf(expression))
  })

  test.each([
    ['@every 1s', 1],
    ['@every 1h30m', 5400],
    ['@every  90s ', 90],
    ['@every 1500ms', 1],
    ['CRON_TZ=Asia/Tokyo @every 1m', 60],
  ])('%s', (expression, seconds) => {
    expect(parseCron(expression)).toMatchObject({ kind: 'interval', seconds })
  })

  test.each([
    ['0 0 1 * 1', true],
    ['0 0 */2 * 1', true],
    ['0 0 1 * */2', true],
    ['0 0 1-31 * 1', true],
    ['0 0 * * 1', false],
    ['0 0 ? * 1', false],
    ['0 0 */1 * 1', false],
    ['0 0 5,* * 1', false],
    ['0 0 1 * */1', false],
    ['0 0 1 * ?', false],
  ])('%s: day-of-month OR day-of-week is %s', (expression, eitherDay) => {
    expect(parseCron(expression)).toMatchObject({ eitherDay })
  })

  test.each([
    ['30 2 * * *', false],
    ['0,30 1-3 * * *', false],
    ['0 2 */2 * */2', false],
    ['@daily', false],
    ['30 * * * *', true],
    ['*/30 2 * * *', true],
    ['0/30 2 * * *', true],
    ['0 1-5/2 * * *', true],
    ['? 2 * * *', true],
    ['@hourly', true],
  ])('%s: follows the clock is %s', (expression, followsClock) => {
    expect(parseCron(expression)).toMatchObject({ followsClock })
  })

  test.each([
    ['CRON_TZ=Europe/Berlin 0 5 * * *', 'Europe/Berlin'],
    ['TZ=america/new_york   0 5 * * *', 'America/New_York'],
    ['TZ=US/Eastern @daily', 'US/Eastern'],
    ['TZ=UTC @every 1h', 'UTC'],
  ])('%s', (expression, timezone) => {
    expect(parseCron(expression)).toMatchObject({ expression, timezone })
  })
})

describe('rejected expressions say the field, the text and what is allowed', () => {
  test.each<[expression: string, field: string, text: string, allowed: string]>([
    ['60 * * * *', 'minute', '60', '0-59'],
    ['-1 * * * *', 'minute', '-1', '0-59'],
    ['+1 * * * *', 'minute', '+1', '0-59'],
    ['1.5 * * * *', 'minute', '1.5', '0-59'],
    [', * * * *', 'minute', ',', '0-59'],
    ['1,,2 * * * *', 'minute', '1,,2', '0-59'],
    ['1, * * * *', 'minute', '1,', '0-59'],
    ['*-5 * * * *', 'minute', '*-5', '0-59'],
    ['5-* * * * *', 'minute', '*', '0-59'],
    ['5- * * * *', 'minute', '5-', '0-59'],
    ['1-2-3 * * * *', 'minute', '1-2-3', '0-59'],
    ['10-5 * * * *', 'minute', '10-5', '0-59'],
    ['*/0 * * * *', 'minute', '*/0', '0-59'],
    ['*/ * * * *', 'minute', '*/', '0-59'],
    ['*/-5 * * * *', 'minute', '*/-5', '0-59'],
    ['*/+5 * * * *', 'minute', '*/+5', '0-59'],
    ['*/5/2 * * * *', 'minute', '*/5/2', '0-59'],
    ['/5 * * * *', 'minute', '/5', '0-59'],
    ['** * * * *', 'minute', '**', '0-59'],
    ['0-60/5 * * * *', 'minute', '60', '0-59'],
    ['jan * * * *', 'minute', 'jan', '0-59'],
    ['0 24 * * *', 'hour', '24', '0-23'],
    ['0 mon * * *', 'hour', 'mon', '0-23'],
    ['0 0 0 * *', 'day-of-month', '0', '1-31'],
    ['0 0 32 * *', 'day-of-month', '32', '1-31'],
    ['0 0 L * *', 'day-of-month', 'L', '1-31'],
    ['0 0 15W * *', 'day-of-month', '15W', '1-31'],
    ['0 0 * 0 *', 'month', '0', '1-12 or JAN-DEC'],
    ['0 0 * 13 *', 'month', '13', '1-12 or JAN-DEC'],
    ['0 0 * january *', 'month', 'january', '1-12 or JAN-DEC'],
    ['0 0 * * 8', 'day-of-week', '8', '0-7 or SUN-SAT'],
    ['0 0 * * 1#2', 'day-of-week', '1#2', '0-7 or SUN-SAT'],
    ['0 0 * * 5L', 'day-of-week', '5L', '0-7 or SUN-SAT'],
    ['0 0 * * sat-sun', 'day-of-week', 'sat-sun', '0-7 or SUN-SAT'],
    ['0 0 * * 7-1', 'day-of-week', '7-1', '0-7 or SUN-SAT'],
    ['0 0 * * xyz', 'day-of-week', 'xyz', '0-7 or SUN-SAT'],
  ])('%s', (expression, field, text, allowed) => {
    const { message } = failure(() => parseCron(expression))
    expect(message).toContain(`In the ${field} field `)
    expect(message).toContain(JSON.stringify(text))
    expect(message).toContain(`allowed: ${allowed},`)
  })

  test.each([
    ['', 'empty'],
    ['   ', 'empty'],
    ['* * * *', 'has 4 fields, expected five: minute (0-59), hour (0-23)'],
    ['0 * * * * *', 'has 6 fields, expected five'],
    ['0 * * * * *', 'Seconds are no field here'],
    ['5', 'has 1 field,'],
    ['@reboot', '"@reboot" is unknown; allowed: @yearly, @annually'],
    ['@Daily', '"@Daily" is unknown'],
    ['@daily 5', '"@daily 5" is unknown'],
    ['@everyday', '"@everyday" is unknown'],
    ['@every', 'The duration "" is not understood'],
    ['@every 5', 'The duration "5" is not understood'],
    ['@every 1d', 'The duration "1d" is not understood'],
    ['@every 1h 5m', 'The duration "1h 5m" is not understood'],
    ['@every 0', '"0" of @every is too short; allowed: 1s'],
    ['@every 999ms', '"999ms" of @every is too short; allowed: 1s'],
    ['@every -1h', '"-1h" of @every is too short; allowed: 1s'],
    ['TZ=Mars/Olympus * * * * *', 'The time zone "Mars/Olympus" is unknown'],
    ['CRON_TZ= * * * * *', 'The time zone "" is unknown'],
    ['TZ=Local * * * * *', 'The time zone "Local" is unknown'],
    ['TZ=UTC', 'has 0 fields'],
    ['tz=UTC * * * * *', 'has 6 fields'],
    ['TZ=UTC TZ=UTC * * * * *', 'has 6 fields'],
  ])('%j: %s', (expression, message) => {
    expect(failure(() => parseCron(expression)).message).toContain(message)
  })

  test('control characters are escaped and long text is cut', () => {
    const { message } = failure(() => parseCron(`\u001b[31m${'9'.repeat(500)} * * * *`))
    expect(message).toContain('\\u001b')
    expect(message).not.toContain('\u001b')
    expect(message.length).toBeLessThan(400)
  })
})

describe('validate', () => {
  test.each(['0 0 31 2 *', '0 0 30 2 ?', '0 0 31 4,6,9,11 *', '0 0 30-31 feb *'])('%s never fires', (expression) => {
    expect(failure(() => validate(expression, 'UTC')).message).toMatch(/never fires: .* month field .* day-of-month/)
    expect(parseCron(expression).kind).toBe('calendar')
  })

  test.each(['0 0 29 2 *', '0 0 31 2,3 *', '0 0 31 2 1', '@every 5m'])('%s fires', (expression) => {
    expect(validate(expression, 'UTC')).toEqual(parseCron(expression))
  })

  test('checks the job zone also where a prefix beats it', () => {
    expect(failure(() => validate('TZ=UTC @daily', 'Nowhere')).message).toContain('"Nowhere"')
    expect(failure(() => validate('61 * * * *', 'UTC')).message).toContain('minute field')
  })
})
