import { CronError, quote } from './cron-error.ts'
import { parseDuration } from './duration.ts'
import { FIELD_RULES, parseField } from './field.ts'
import type { CalendarSchedule, CronSchedule } from './schedule.ts'
import { checkZone } from './zones.ts'

const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
])

const FIELDS = Object.values(FIELD_RULES)
  .map((rule) => `${rule.name} (${rule.allowed})`)
  .join(', ')

/**
 * Reads a cron expression: the grammar of robfig/cron v3 `ParseStandard`, plus 7 for Sunday.
 *
 * Five fields, or `@yearly @annually @monthly @weekly @daily @midnight @hourly`, or `@every <Go duration>` of at least
 * 1 s (fractions of a second are dropped, as robfig does); before it an optional `CRON_TZ=Zone ` or `TZ=Zone `.
 * An expression that can never fire, such as `0 0 31 2 *`, is accepted here and refused by `validate`.
 *
 * @throws CronError whose message names the field, the offending text and the allowed range.
 */
export function parseCron(expression: string): CronSchedule {
  const source = expression.trim()
  if (source === '') {
    throw new CronError(`The cron expression ${quote(expression)} is empty; expected five fields: ${FIELDS}.`)
  }
  const [prefix, zone] = /^(?:CRON_TZ|TZ)=(\S*)/.exec(source) ?? []
  const timezone = zone === undefined ? undefined : checkZone(zone)
  const body = prefix === undefined ? source : source.slice(prefix.length).trim()

  if (/^@every(\s|$)/.test(body)) {
    return { kind: 'interval', expression: source, timezone, seconds: parseInterval(body) }
  }
  const fields = body.startsWith('@') ? DESCRIPTORS.get(body) : body
  if (fields === undefined) {
    const known = [...DESCRIPTORS.keys()].join(', ')
    throw new CronError(`The descriptor ${quote(body)} is unknown; allowed: ${known} and @every <duration>.`)
  }
  return { kind: 'calendar', expression: source, timezone, ...parseFields(fields, source) }
}

function parseInterval(body: string): number {
  const duration = body.slice('@every'.length).trim()
  const seconds = Math.floor(parseDuration(duration) / 1000)
  if (seconds < 1) {
    throw new CronError(`The interval ${quote(duration)} of @every is too short; allowed: 1s and longer.`)
  }
  return seconds
}

type CalendarFields = Omit<CalendarSchedule, 'kind' | 'expression' | 'timezone'>

function parseFields(text: string, source: string): CalendarFields {
  const fields = text.split(/\s+/).filter((field) => field !== '')
  const [minuteText, hourText, dayOfMonthText, monthText, dayOfWeekText] = fields
  if (
    minuteText === undefined ||
    hourText === undefined ||
    dayOfMonthText === undefined ||
    monthText === undefined ||
    dayOfWeekText === undefined ||
    fields.length > 5
  ) {
    const seconds = fields.length === 6 ? ' Seconds are no field here.' : ''
    throw new CronError(
      `The cron expression ${quote(source)} has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'}, expected five: ${FIELDS}.${seconds}`,
    )
  }
  const minute = parseField(minuteText, FIELD_RULES.minute)
  const hour = parseField(hourText, FIELD_RULES.hour)
  const dayOfMonth = parseField(dayOfMonthText, FIELD_RULES.dayOfMonth)
  const month = parseField(monthText, FIELD_RULES.month)
  const dayOfWeek = parseField(dayOfWeekText, FIELD_RULES.dayOfWeek)
  return {
    minutes: minute.values,
    hours: hour.values,
    daysOfMonth: dayOfMonth.values,
    months: month.values,
    daysOfWeek: dayOfWeek.values,
    eitherDay: !dayOfMonth.star && !dayOfWeek.star,
    followsClock: minute.recurring || hour.recurring,
  }
}
