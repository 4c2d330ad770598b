import { expect, it } from 'vitest'
import { properties, table } from '#terminal/table.ts'

it('aligns columns by their width on the screen', () => {
  expect(
    table(
      ['id', 'title'],
      [
        ['1', '世界'],
        ['22', 'b'],
      ],
    ),
  ).toBe('ID  TITLE\n1   世界\n22  b')
})

it('keeps a record on one line', () => {
  expect(table(['a'], [['one\ntwo\x1b[2J']])).toBe('A\none two\\x1b[2J')
})

it('cuts the widest columns until a line fits', () => {
  const text = table(['id', 'title'], [['12345678', 'x'.repeat(60)]], 40)
  const [, row = ''] = text.split('\n')
  expect(row).toHaveLength(40)
  expect(row).toMatch(/^12345678 {2}x+…$/)
})

it('cuts nothing in a pipe', () => {
  expect(table(['title'], [['x'.repeat(300)]])).toContain('x'.repeat(300))
})

it('aligns values, further lines of them too, and leaves out what is undefined', () => {
  expect(properties({ id: '1', 'last run': 'a\nb', none: undefined })).toBe('id:       1\nlast run: a\n          b')
})
