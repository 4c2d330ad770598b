import { expect, it } from 'vitest'
import { inZone, relative } from '#terminal/time.ts'

it.each([
  [0, 'now'],
  [5, 'in 5 s'],
  [-59, '59 s ago'],
  [300, 'in 5 min'],
  [-7_200, '2 h ago'],
  [259_200, 'in 3 d'],
])('%d s away is %s', (seconds, text) => {
  const now = new Date('2026-05-01T00:00:00Z')
  expect(relative(new Date(now.getTime() + seconds * 1_000), now)).toBe(text)
})

it('writes a moment in a zone', () => {
  expect(inZone(new Date('2026-11-23T08:00:00Z'), 'Europe/Berlin')).toBe('2026-11-23 09:00:00 Europe/Berlin')
})
