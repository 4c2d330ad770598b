import { describe, expect } from 'vitest'
import type { StorageTest } from './storage-test.ts'

const ODD = [
  'ls -la',
  '',
  ' leading and trailing ',
  'two\nlines',
  'three\n\nlines\n',
  'a\\nb',
  'a\\\\nb',
  'ends with \\',
  '\\\n\\',
  'C:\\temp\\new',
  'tab\there',
  'carriage\rreturn',
  'crlf\r\nline',
  'sep\u2028arator\u2029',
  '\u{1F469}\u200D\u{1F680} é é',
  '# no comment',
]

export function shellHistoryTests(test: StorageTest): void {
  describe('shell history', () => {
    test('every command round-trips, in the order of typing', async ({ stores: { shellHistory }, open }) => {
      for (const command of ODD) await shellHistory.append(command)
      expect(await shellHistory.load(0)).toEqual(ODD)
      expect(await (await open()).shellHistory.load(0)).toEqual(ODD)
    })

    test('equal commands stay', async ({ stores: { shellHistory } }) => {
      for (let i = 0; i < 3; i++) await shellHistory.append('again')
      expect(await shellHistory.load(0)).toEqual(['again', 'again', 'again'])
    })

    test('a limit is the newest, in chronological order; 0 or less is all', async ({ stores: { shellHistory } }) => {
      expect(await shellHistory.load(5)).toEqual([])
      for (const command of ['a', 'b', 'c', 'd']) await shellHistory.append(command)
      expect(await shellHistory.load(2)).toEqual(['c', 'd'])
      expect(await shellHistory.load(4)).toEqual(['a', 'b', 'c', 'd'])
      expect(await shellHistory.load(99)).toEqual(['a', 'b', 'c', 'd'])
      expect(await shellHistory.load(0)).toEqual(['a', 'b', 'c', 'd'])
      expect(await shellHistory.load(-3)).toEqual(['a', 'b', 'c', 'd'])
    })

    test('it says where it is', async ({ stores: { shellHistory } }) => {
      expect(shellHistory.location).not.toBe('')
      expect(shellHistory.location).not.toContain('planted')
    })
  })
}
