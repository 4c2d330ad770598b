import { CronError, quote } from './cron-error.ts'

/** Nanoseconds per unit, as Go's time.ParseDuration knows them; both micro signs (U+00B5, U+03BC) are accepted. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  '\u00b5s': 1_000n,
  '\u03bcs': 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}

/** A Go duration is a signed 64-bit count of nanoseconds, about 292 years. */
const MAX_NANOSECONDS = 2n ** 63n - 1n

const PART = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y

/**
 * Reads a Go duration such as `1h30m`, `1.5s` or `-300ms` and returns milliseconds, with a fraction below 1 ms.
 *
 * The grammar is Go's: an optional sign, then numbers with an optional fraction and a required unit (`0` alone needs
 * none), without spaces. Days and weeks are no units.
 *
 * @throws CronError when the text is no such duration or exceeds Go's range of about 292 years.
 */
export function parseDuration(text: string): number {
  const negative = text.startsWith('-')
  const body = negative || text.startsWith('+') ? text.slice(1) : text
  if (body === '0') return 0
  let total = 0n
  let position = 0
  do {
    PART.lastIndex = position
    const [part, whole = '', fraction = '', unit = ''] = PART.exec(body) ?? []
    const scale = UNITS[unit]
    if (part === undefined || scale === undefined || whole + fraction === '') {
      throw new CronError(
        `The duration ${quote(text)} is not understood; allowed: numbers with a unit of ns, us, ms, s, m or h, such as 90s or 1h30m.`,
      )
    }
    // More digits than a nanosecond has cannot change the result, only the cost.
    const digits = fraction.slice(0, 18)
    total += BigInt(whole) * scale + (BigInt(digits) * scale) / 10n ** BigInt(digits.length)
    if (total > MAX_NANOSECONDS) {
      throw new CronError(`The duration ${quote(text)} is too long; allowed: up to 2562047h47m.`)
    }
    position += part.length
  } while (position < body.length)
  // In two parts, so that whole milliseconds come out exact.
  const milliseconds = Number(total / 1_000_000n) + Number(total % 1_000_000n) / 1e6
  return negative ? -milliseconds : milliseconds
}

/**
 * Writes milliseconds the way Go prints a duration: `1h30m0s`, `1.5s`, `300ms`, `0s`. Rounded to the nanosecond;
 * `parseDuration` reads the result back.
 */
export function formatDuration(milliseconds: number): string {
  const sign = milliseconds < 0 ? '-' : ''
  const whole = Math.floor(Math.abs(milliseconds))
  const nanoseconds = BigInt(whole) * 1_000_000n + BigInt(Math.round((Math.abs(milliseconds) - whole) * 1e6))
  if (nanoseconds === 0n) return '0s'
  if (nanoseconds < 1_000n) return `${sign}${nanoseconds}ns`
  if (nanoseconds < 1_000_000n) return `${sign}${decimal(nanoseconds, 3)}\u00b5s`
  if (nanoseconds < 1_000_000_000n) return `${sign}${decimal(nanoseconds, 6)}ms`
  const minutes = nanoseconds / 60_000_000_000n
  const seconds = decimal(nanoseconds % 60_000_000_000n, 9)
  if (minutes === 0n) return `${sign}${seconds}s`
  if (minutes < 60n) return `${sign}${minutes}m${seconds}s`
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}s`
}

/** `value` divided by ten to the power `places`, without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const unit = 10n ** BigInt(places)
  const fraction = String(value % unit)
    .padStart(places, '0')
    .replace(/0+$/, '')
  return fraction === '' ? String(value / unit) : `${value / unit}.${fraction}`
}
