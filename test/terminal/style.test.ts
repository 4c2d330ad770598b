import { expect, it } from 'vitest'
import { hasColour, style } from '#terminal/style.ts'

it('wants colour on a terminal only, and not when it was refused', () => {
  const terminal = { isTTY: true }
  expect(hasColour(terminal, {}, [])).toBe(true)
  expect(hasColour({}, {}, [])).toBe(false)
  expect(hasColour(terminal, { NO_COLOR: '1' }, [])).toBe(false)
  expect(hasColour(terminal, { NO_COLOR: '' }, [])).toBe(true)
  expect(hasColour(terminal, { TERM: 'dumb' }, [])).toBe(false)
  for (const flag of ['--no-color', '--no-colors']) expect(hasColour(terminal, {}, ['list', flag])).toBe(false)
})

it('styles only with colour', () => {
  expect(style(true, 'bold', 'x')).toBe('\x1b[1mx\x1b[22m')
  expect(style(false, 'bold', 'x')).toBe('x')
})
