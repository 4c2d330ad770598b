import { CronError, quote } from './cron-error.ts'

/** One of the five fields: its name and its range, as messages state them. */
interface FieldRule {
  readonly name: string
  readonly min: number
  /** The last value of `*` and of `N/s`. */
  readonly max: number
  /** The last value that may be written, where that differs: 7 for Sunday. */
  readonly writtenMax?: number
  /** Names in the order of their values, the first one `min`. */
  readonly names?: readonly string[]
  readonly allowed: string
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** The five fields in the order in which they are written. */
export const FIELD_RULES = {
  minute: { name: 'minute', min: 0, max: 59, allowed: '0-59' },
  hour: { name: 'hour', min: 0, max: 23, allowed: '0-23' },
  dayOfMonth: { name: 'day-of-month', min: 1, max: 31, allowed: '1-31' },
  month: { name: 'month', min: 1, max: 12, names: MONTHS, allowed: '1-12 or JAN-DEC' },
  dayOfWeek: { name: 'day-of-week', min: 0, max: 6, writtenMax: 7, names: WEEKDAYS, allowed: '0-7 or SUN-SAT' },
} as const satisfies Record<string, FieldRule>

/** What a field selects. */
export interface CronField {
  /** Ascending, each once; Sunday is 0. */
  readonly values: readonly number[]
  /** A `*` or `?` with no step or a step of 1: the only form that leaves the other day field to decide alone. */
  readonly star: boolean
  /** Contains a `*`, a `?` or a step: at a clock change the schedule follows the clock. */
  readonly recurring: boolean
}

/**
 * Reads one field: a list of `*`, `?`, `N`, `N-M`, each with an optional `/step`; `N/step` means N to the field's end.
 *
 * The rules are those of robfig/cron v3 `ParseStandard`, without what it lets pass by accident (empty list items, a
 * plus sign, `*-5`), and with 7 for Sunday. A step larger than the range selects its first value.
 *
 * @throws CronError naming the field, the offending text and the allowed range.
 */
export function parseField(text: string, rule: FieldRule): CronField {
  const values = new Set<number>()
  let star = false
  let recurring = false
  for (const item of text.split(',')) {
    const { first, last, step, wildcard } = parseItem(item, text, rule)
    // A weekday range may end in 7, and that 7 is Sunday.
    for (let value = first; value <= last; value += step) values.add(value > rule.max ? rule.min : value)
    if (wildcard && step === 1) star = true
    if (wildcard || item.includes('/')) recurring = true
  }
  return { values: [...values].sort((a, b) => a - b), star, recurring }
}

interface Item {
  readonly first: number
  readonly last: number
  readonly step: number
  readonly wildcard: boolean
}

function parseItem(item: string, field: string, rule: FieldRule): Item {
  const fail = (problem: string, part = item): CronError =>
    new CronError(
      `In the ${rule.name} field ${quote(field)}, ${quote(part)} ${problem}; allowed: ${rule.allowed}, lists (a,b), ranges (a-b) and steps (*/n, a/n).`,
    )
  if (item === '') throw fail('is an empty list item')
  const [range = '', stepText, ...moreSteps] = item.split('/')
  if (moreSteps.length > 0) throw fail('has more than one step')
  const step = stepText === undefined ? 1 : Number(stepText)
  if (stepText !== undefined && (!/^\d+$/.test(stepText) || step < 1 || !Number.isSafeInteger(step))) {
    throw fail('has a step that is not a whole number of at least 1')
  }
  if (range === '*' || range === '?') return { first: rule.min, last: rule.max, step, wildcard: true }

  const [from = '', to, ...moreHyphens] = range.split('-')
  if (moreHyphens.length > 0) throw fail('has more than one hyphen')
  const readValue = (text: string): number => {
    const named = rule.names?.indexOf(text.toLowerCase()) ?? -1
    if (named >= 0) return rule.min + named
    if (!/^\d+$/.test(text)) throw fail('is not a value of this field', text === '' ? item : text)
    const value = Number(text)
    if (value < rule.min || value > (rule.writtenMax ?? rule.max)) throw fail('is out of range', text)
    return value
  }
  const first = readValue(from)
  if (to !== undefined) {
    const last = readValue(to)
    if (first > last) throw fail('is a range that ends before it starts')
    return { first, last, step, wildcard: false }
  }
  // A single 7 is Sunday, so 7/2 is 0/2.
  const single = first > rule.max ? rule.min : first
  return { first: single, last: stepText === undefined ? single : rule.max, step, wildcard: false }
}
