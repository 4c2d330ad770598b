import { expect, test } from 'vitest'
import { join, raw, sql } from '#storage/sql/statement.ts'

const numbered = (position: number) => `$${position}`

test('values become parameters, never text', () => {
  const statement = sql`select * from t where id = ${"x'; drop table t; --"} and n > ${3}`
  expect(statement.text(numbered)).toBe('select * from t where id = $1 and n > $2')
  expect(statement.text(() => '?')).toBe('select * from t where id = ? and n > ?')
  expect(statement.values).toEqual(["x'; drop table t; --", 3])
})

test('statements inside statements are numbered through', () => {
  const where = sql`where a = ${1} and b = ${2}`
  const statement = sql`select ${0} from ${raw('t')} ${where} limit ${3}`
  expect(statement.text(numbered)).toBe('select $1 from t where a = $2 and b = $3 limit $4')
  expect(statement.values).toEqual([0, 1, 2, 3])
})

test('an empty statement, and several in a row, leave the text whole', () => {
  const statement = sql`a ${sql``}${raw('b')}${sql`${1}`} c`
  expect(statement.text(numbered)).toBe('a b$1 c')
  expect(join([sql`${1}`, raw('x'), sql`${2}`]).text(numbered)).toBe('$1, x, $2')
  expect(join([]).text(numbered)).toBe('')
})
