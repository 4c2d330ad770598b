import { expect, it } from 'vitest'
import { jsonText, oneLine, visible } from '#terminal/escapes.ts'

it('shows control characters and direction marks, and keeps newlines and tabs', () => {
  expect(visible('a\x1b[31m\x00\x7f\u009b\u202eb\n\tc')).toBe('a\\x1b[31m\\x00\\x7f\\x9b\\u202eb\n\tc')
})

it('shows a carriage return, which would overwrite the line', () => {
  expect(visible('honest\rforged')).toBe('honest\\x0dforged')
})

it('leaves everything else alone', () => {
  expect(visible('Grüße, 世界 👋🏽 é')).toBe('Grüße, 世界 👋🏽 é')
})

it('puts text on one line', () => {
  expect(oneLine('  a\n\n b\tc\x1b ')).toBe('a b c\\x1b')
})

it('escapes in JSON what JSON leaves as it is, without changing the document', () => {
  const data = { text: 'a\u009b\u202e\u2028\x7f\n\x1b' }
  expect(jsonText(data)).toBe('{\n  "text": "a\\u009b\\u202e\\u2028\\u007f\\n\\u001b"\n}')
  expect(JSON.parse(jsonText(data))).toEqual(data)
})
