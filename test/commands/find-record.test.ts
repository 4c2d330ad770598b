import { expect, it } from 'vitest'
import { findReadable, findRecord, findRecords } from '#commands/find-record.ts'
import { StorageError } from '#storage/contract/errors.ts'

const RECORDS = [
  { id: 'abc-1', name: 'morning' },
  { id: 'abc-2', name: 'twice' },
  { id: 'abd-3', name: 'twice' },
  { id: 'abc', name: 'abd-3' },
  { id: 'xyz' },
]
const idOf = (argument: string) => findRecord(RECORDS, argument, 'job').id

it('finds by id, by name and by a unique beginning, in this order', () => {
  expect(idOf('abc')).toBe('abc')
  expect(idOf('abd-3')).toBe('abd-3')
  expect(idOf('morning')).toBe('abc-1')
  expect(idOf('abd')).toBe('abd-3')
  expect(idOf('x')).toBe('xyz')
})

it.each(['', 'nothing', 'ABC-1', 'bc-1'])('finds nothing for %j', (argument) => {
  expect(() => idOf(argument)).toThrow(expect.objectContaining({ code: 'E_NOT_FOUND' }))
})

it.each([
  ['twice', '"twice" could be 2 jobs: abc-2, abd-3'],
  ['ab', '"ab" could be 4 jobs: abc-1, abc-2, abd-3, abc'],
])('refuses %j, which could be several', (argument, message) => {
  expect(() => idOf(argument)).toThrow(expect.objectContaining({ code: 'E_USAGE', message }))
})

it('gives a record that is meant twice once, in the order of the arguments', () => {
  expect(findRecords(RECORDS, ['x', 'morning', 'abc-1'], 'job').map(({ id }) => id)).toEqual(['xyz', 'abc-1'])
})

it('names five of many', () => {
  const many = Array.from({ length: 9 }, (_, index) => ({ id: `a${index}` }))
  expect(() => findRecord(many, 'a', 'plan')).toThrow('"a" could be 9 plans: a0, a1, a2, a3, a4, …')
})

it('throws the error of a record that cannot be read', () => {
  const error = new StorageError('E_CORRUPT', 'jsonl', 'torn')
  expect(() => findReadable(RECORDS, [{ id: 'broken', error }], 'bro', 'job')).toThrow(error)
  expect(findReadable(RECORDS, [{ id: 'broken', error }], 'xyz', 'job')).toBe(RECORDS[4])
})
