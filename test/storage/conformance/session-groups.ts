import { describe, expect } from 'vitest'
import { ABSENT, type SessionGroup } from '#storage/contract/session-groups.ts'
import { at } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

const KEY = 'channel-telegram-42'

function group(changes: Partial<SessionGroup> = {}): SessionGroup {
  return { currentSessionId: 's1', history: [], updatedAt: at(0), ...changes }
}

export function sessionGroupTests(test: StorageTest): void {
  describe('session groups', () => {
    test('an entry comes back as put, with its revision', async ({ stores: { sessionGroups }, open }) => {
      expect(await sessionGroups.get(KEY)).toBeUndefined()
      const full = group({ history: ['s0', 's-1'], lastRollover: at(1.234), updatedAt: at(2.345) })
      const stored = await sessionGroups.put(KEY, full)
      expect(stored).toEqual({ ...full, revision: expect.any(String) })
      expect(await (await open()).sessionGroups.get(KEY)).toEqual(stored)
      const plain = await sessionGroups.put(KEY, group())
      expect(plain).toEqual({ ...group(), revision: expect.any(String) })
      expect(plain.revision).not.toBe(stored.revision)
      expect((await sessionGroups.put(KEY, full)).revision).toBe(stored.revision)
    })

    test('put with an expectation is a compare-and-set', async ({ stores: { sessionGroups }, open }) => {
      const other = (await open()).sessionGroups
      await expectCode(sessionGroups.put(KEY, group(), { expected: 'something' }), 'E_CONFLICT')
      expect(await sessionGroups.get(KEY)).toBeUndefined()
      const first = await sessionGroups.put(KEY, group(), { expected: ABSENT })
      await expectCode(other.put(KEY, group({ currentSessionId: 'x' }), { expected: ABSENT }), 'E_CONFLICT')
      const second = await other.put(KEY, group({ currentSessionId: 's2' }), { expected: first.revision })
      const late = sessionGroups.put(KEY, group({ currentSessionId: 's3' }), { expected: first.revision })
      await expectCode(late, 'E_CONFLICT')
      expect(await sessionGroups.get(KEY)).toEqual(second)
    })

    test('the list is by key in code-point order', async ({ stores: { sessionGroups }, open }) => {
      const keys = ['b', 'a', 'B', 'a/b', 'ä', '\u{1F600}', '\uFFFD', 'a b', '__proto__', 'constructor', '10', '9']
      for (const key of keys) await sessionGroups.put(key, group({ currentSessionId: `of ${key}` }))
      const listed = await (await open()).sessionGroups.list()
      expect([...listed.keys()]).toEqual([
        '10',
        '9',
        'B',
        '__proto__',
        'a',
        'a b',
        'a/b',
        'b',
        'constructor',
        'ä',
        '\uFFFD',
        '\u{1F600}',
      ])
      for (const key of keys) expect(listed.get(key)).toEqual(await sessionGroups.get(key))
      expect(listed.get('9')?.currentSessionId).toBe('of 9')
    })

    test('a key has 1 to 512 characters', async ({ stores: { sessionGroups } }) => {
      const long = 'ü'.repeat(512)
      await sessionGroups.put(long, group())
      expect(await sessionGroups.get(long)).toBeDefined()
      for (const key of ['', `${long}x`, 'nul\0', '\ud800']) {
        await expectCode(sessionGroups.put(key, group()), 'E_INVALID')
        await expectCode(sessionGroups.get(key), 'E_INVALID')
      }
    })
  })
}
