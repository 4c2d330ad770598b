import { expect, test } from 'vitest'
import { checkDate, checkDocument, checkId, checkKey, checkText, isId } from '#storage/rules/check.ts'

const INVALID = expect.objectContaining({ name: 'StorageError', code: 'E_INVALID', backend: 'redis' })

test.each(['a', '0', 'A.b-c_d', 'x'.repeat(128), 'a.yaml'])('%j is an id', (id) => {
  expect(isId(id)).toBe(true)
  expect(() => checkId('redis', 'job', id)).not.toThrow()
})

test.each(['', '.', '..', 'a..b', '-a', '_a', 'a/b', 'a b', 'a\n', 'ä', 'a\0', 'x'.repeat(129)])(
  '%j is no id',
  (id) => {
    expect(isId(id)).toBe(false)
    expect(() => checkId('redis', 'job', id)).toThrow(INVALID)
  },
)

test('text holds neither NUL nor half a surrogate pair', () => {
  for (const text of ['', 'x', '\u{1F600}', '\u0001\uFFFF']) expect(() => checkText('redis', 't', text)).not.toThrow()
  for (const text of ['\0', 'a\ud800', '\udc00a', '\udc00\ud800']) {
    expect(() => checkText('redis', 't', text)).toThrow(INVALID)
    expect(() => checkDocument('redis', 't', { a: [1, null, { b: text }] })).toThrow(INVALID)
    expect(() => checkDocument('redis', 't', [{ [text]: 1 }])).toThrow(INVALID)
  }
  expect(() => checkDocument('redis', 't', { a: [1, null, true, { b: 'x' }] })).not.toThrow()
})

test('a key has 1 to 512 characters', () => {
  for (const key of ['a', ' ', 'a/b', 'x'.repeat(512)]) expect(() => checkKey('redis', 'k', key)).not.toThrow()
  for (const key of ['', 'x'.repeat(513), 'a\0']) expect(() => checkKey('redis', 'k', key)).toThrow(INVALID)
})

test('a time names a moment', () => {
  expect(() => checkDate('redis', 't', new Date(0))).not.toThrow()
  expect(() => checkDate('redis', 't', new Date(Number.NaN))).toThrow(INVALID)
})
