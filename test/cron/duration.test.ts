import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CronError, formatDuration, parseDuration } from '#cron/index.ts'

test.each([
  ['0', 0],
  ['-0', 0],
  ['5s', 5_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['1.s', 1_000],
  ['-300ms', -300],
  ['+2m', 120_000],
  ['1m1m', 120_000],
  ['1us', 0.001],
  ['1\u00b5s', 0.001],
  ['1\u03bcs', 0.001],
  ['1500ns', 0.0015],
  ['2562047h47m16s', 9_223_372_036_000],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBeCloseTo(milliseconds, 9)
})

test.each(['', '-', '+', '5', '1d', '1w', '1y', 's', '.s', '1h ', ' 1h', '1 h', '1H', '--1s', '1e3s', '1h-5m', '1h0'])(
  '%j is refused',
  (text) => {
    expect(() => parseDuration(text)).toThrow(CronError)
    expect(() => parseDuration(text)).toThrow(JSON.stringify(text))
  },
)

test('beyond the range of a Go duration is refused', () => {
  expect(() => parseDuration('2562047h48m')).toThrow('too long')
  expect(() => parseDuration(`${'9'.repeat(30)}h`)).toThrow('too long')
})

test.each([
  [0, '0s'],
  [1, '1ms'],
  [1.5, '1.5ms'],
  [0.0015, '1.5\u00b5s'],
  [0.000002, '2ns'],
  [1_000, '1s'],
  [1_500, '1.5s'],
  [60_000, '1m0s'],
  [5_400_000, '1h30m0s'],
  [3_600_000, '1h0m0s'],
  [90_061_001, '25h1m1.001s'],
  [-90_000, '-1m30s'],
])('%d ms is written %s', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text)
})

test('what is written reads back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (milliseconds) => {
      expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds)
    }),
  )
})
