import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { draftOf } from '#chat/input/draft.ts'
import { draftRows, moveRow } from '#chat/input/draft-rows.ts'

describe('the rows of a draft', () => {
  it.each([
    ['', 10, [''], [0, 0]],
    ['abc', 10, ['abc'], [0, 3]],
    ['abcdef', 4, ['abc', 'def'], [1, 3]],
    ['one\ntwo', 10, ['one', 'two'], [1, 3]],
    ['one\n', 10, ['one', ''], [1, 0]],
    ['日本語', 5, ['日本', '語'], [1, 2]],
  ])('of %j at %i columns are %j', (text, columns, rows, [row, column]) => {
    expect(draftRows(draftOf(text), columns)).toMatchObject({ rows, cursor: { row, column } })
  })

  it('fit, lose nothing, and have the cursor within', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '日', '👍🏽', ' ', '\n') })
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 30 }), fc.nat(), (given, columns, n) => {
        const cursor = Array.from(given)
          .slice(0, n % 30)
          .join('').length
        const { rows, cursor: cell } = draftRows({ text: given, cursor }, columns)
        for (const row of rows) expect(stringWidth(row)).toBeLessThan(columns)
        expect(rows.join('')).toBe(given.replaceAll('\n', ''))
        expect(cell.row).toBeLessThan(rows.length)
        expect(cell.column).toBeLessThan(columns)
      }),
    )
  })

  it('are walked up and down in the same column, and end at the edges', () => {
    const draft = { text: 'abcdef\nxy\n123456', cursor: 5 }
    const down = moveRow(draft, 80, 1)
    expect(down?.cursor).toBe('abcdef\nxy'.length)
    expect(moveRow(draft, 80, -1)).toBeUndefined()
    expect(moveRow(draftOf('a\nb'), 80, 1)).toBeUndefined()
    expect(moveRow({ text: '日本\nabc', cursor: 6 }, 80, -1)?.cursor).toBe(1)
  })
})
