import { describe, expect } from 'vitest'
import type { ConversationDetails, ConversationEntry } from '#storage/contract/conversations.ts'
import { at, details, entries, entry } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

export function conversationTests(test: StorageTest): void {
  describe('conversations', () => {
    test('an append creates, the next one adds, and a new connection loads both', async ({ stores, open }) => {
      const { conversations } = stores
      await conversations.append('c1', { expectedLength: 0, entries: entries(2), metadata: details() })
      const later = details({ title: 'Later', updatedAt: at(60) })
      await conversations.append('c1', { expectedLength: 2, entries: entries(3, 2), metadata: later })
      const loaded = await (await open()).conversations.load('c1')
      expect(loaded.entries).toEqual(entries(5))
      expect(loaded.metadata).toEqual({ ...later, id: 'c1', messageCount: 5 })
      expect(loaded.damage).toEqual([])
    })

    test('an append without entries stores the metadata', async ({ stores: { conversations } }) => {
      await conversations.append('c1', { expectedLength: 0, entries: [], metadata: details({ title: 'Empty' }) })
      expect(await conversations.load('c1')).toMatchObject({
        metadata: { title: 'Empty', messageCount: 0 },
        entries: [],
      })
      await conversations.append('c1', { expectedLength: 0, entries: entries(1), metadata: details() })
      await conversations.append('c1', { expectedLength: 1, entries: [], metadata: details({ title: 'New' }) })
      expect(await conversations.load('c1')).toMatchObject({ metadata: { title: 'New' }, entries: entries(1) })
    })

    test.for([0, 1, 3, -1])(
      'an append that expects %i of 2 entries is a conflict',
      async (expectedLength, { stores }) => {
        const { conversations } = stores
        await conversations.append('c1', { expectedLength: 0, entries: entries(2), metadata: details() })
        const write = { expectedLength, entries: [entry('other')], metadata: details({ title: 'Lost' }) }
        await expectCode(conversations.append('c1', write), 'E_CONFLICT')
        expect(await conversations.load('c1')).toMatchObject({ metadata: { title: 'A title' }, entries: entries(2) })
      },
    )

    test('an append to a conversation that is gone is a conflict, not a new one', async ({
      stores: { conversations },
    }) => {
      const write = { expectedLength: 2, entries: entries(1, 2), metadata: details() }
      await expectCode(conversations.append('c1', write), 'E_CONFLICT')
      await expectCode(conversations.replace('c1', write), 'E_CONFLICT')
      await expectCode(conversations.load('c1'), 'E_NOT_FOUND')
    })

    test('the same append again is a success and adds nothing', async ({ stores: { conversations }, open }) => {
      await conversations.append('c1', { expectedLength: 0, entries: entries(2), metadata: details() })
      const write = { expectedLength: 2, entries: entries(2, 2), metadata: details() }
      await conversations.append('c1', write)
      await conversations.append('c1', write)
      await (await open()).conversations.append('c1', write)
      expect((await conversations.load('c1')).entries).toEqual(entries(4))
    })

    test('the same entries with something behind them are a conflict', async ({ stores: { conversations } }) => {
      await conversations.append('c1', { expectedLength: 0, entries: entries(4), metadata: details() })
      const write = { expectedLength: 1, entries: entries(2, 1), metadata: details() }
      await expectCode(conversations.append('c1', write), 'E_CONFLICT')
      const first = { expectedLength: 0, entries: entries(2), metadata: details() }
      await expectCode(conversations.append('c1', first), 'E_CONFLICT')
    })

    test('replace takes the place of all entries', async ({ stores: { conversations }, open }) => {
      await conversations.append('c1', { expectedLength: 0, entries: entries(5), metadata: details() })
      const summary = [entry('summary')]
      const metadata = details({ title: 'Compacted', updatedAt: at(9) })
      await conversations.replace('c1', { expectedLength: 5, entries: summary, metadata })
      expect(await (await open()).conversations.load('c1')).toEqual({
        metadata: { ...metadata, id: 'c1', messageCount: 1 },
        entries: summary,
        damage: [],
      })
      await conversations.append('c1', { expectedLength: 1, entries: entries(1), metadata })
      expect((await conversations.load('c1')).entries).toEqual([...summary, ...entries(1)])
    })

    test('replace with another expected length is a conflict and changes nothing', async ({
      stores: { conversations },
    }) => {
      await conversations.append('c1', { expectedLength: 0, entries: entries(3), metadata: details() })
      for (const expectedLength of [0, 2, 4]) {
        const write = { expectedLength, entries: [], metadata: details({ title: 'Lost' }) }
        await expectCode(conversations.replace('c1', write), 'E_CONFLICT')
      }
      expect(await conversations.load('c1')).toMatchObject({ metadata: { title: 'A title' }, entries: entries(3) })
    })

    test('unknown fields and the order of keys stay as they were', async ({ stores: { conversations }, open }) => {
      const text =
        '{"zeta":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"x","b":2,"a":1}]},"alpha":{"y":[],"x":{}},"__proto__":{"p":1},"num":1e-7,"large":12345678901234567000,"neg":-0.5,"":"empty key"}'
      const odd = JSON.parse(text) as ConversationEntry
      const extra = { zulu: { b: 1, a: [null, true] }, alpha: 'x' }
      await conversations.append('c1', { expectedLength: 0, entries: [odd], metadata: details({ extra }) })
      const loaded = await (await open()).conversations.load('c1')
      expect(JSON.stringify(loaded.entries[0])).toBe(JSON.stringify(odd))
      expect(JSON.stringify(loaded.metadata.extra)).toBe(JSON.stringify(extra))
    })

    test('every detail of the metadata is kept, times to the millisecond', async ({
      stores: { conversations },
      open,
    }) => {
      const metadata: ConversationDetails = {
        title: 'Alles "drin"',
        createdAt: new Date('2026-01-02T03:04:05.006Z'),
        updatedAt: new Date('2026-11-12T13:14:15.167Z'),
        tokenStats: { totalInputTokens: 1, totalOutputTokens: 2, totalTokens: 3, requestCount: 4, lastInputTokens: 5 },
        costStats: {
          totalCost: 0.1,
          totalInputCost: 0.2,
          totalOutputCost: 1e-9,
          perModelStats: { 'openai/gpt': { cost: 0.3 } },
          currency: 'EUR',
        },
        model: 'openai/gpt',
        tags: ['b', 'a', ''],
        titleGenerated: true,
        extra: { context_id: 'x' },
      }
      await conversations.append('c1', { expectedLength: 0, entries: [], metadata })
      const other = await open()
      expect((await other.conversations.load('c1')).metadata).toEqual({ ...metadata, id: 'c1', messageCount: 0 })
      const { conversations: listed } = await other.conversations.list({ limit: 0, offset: 0 })
      expect(listed).toEqual([{ ...metadata, id: 'c1', messageCount: 0 }])
    })

    test('the list is newest first, ties by id descending', async ({ stores: { conversations } }) => {
      const updates = { a: 10, b: 30, c: 20, d: 20, e: 20.001 }
      for (const [id, second] of Object.entries(updates)) {
        await conversations.append(id, { expectedLength: 0, entries: [], metadata: details({ updatedAt: at(second) }) })
      }
      const ids = async (limit: number, offset: number) =>
        (await conversations.list({ limit, offset })).conversations.map(({ id }) => id)
      expect(await ids(0, 0)).toEqual(['b', 'e', 'd', 'c', 'a'])
      expect(await ids(-1, 0)).toEqual(['b', 'e', 'd', 'c', 'a'])
      expect(await ids(2, 0)).toEqual(['b', 'e'])
      expect(await ids(2, 1)).toEqual(['e', 'd'])
      expect(await ids(0, 3)).toEqual(['c', 'a'])
      expect(await ids(10, 4)).toEqual(['a'])
      expect(await ids(10, 5)).toEqual([])
      await conversations.append('a', { expectedLength: 0, entries: [], metadata: details({ updatedAt: at(99) }) })
      expect(await ids(1, 0)).toEqual(['a'])
    })

    test('an empty store lists nothing', async ({ stores: { conversations } }) => {
      expect(await conversations.list({ limit: 10, offset: 0 })).toEqual({ conversations: [], unreadable: [] })
      expect(await conversations.listNeedingTitles(0)).toEqual([])
    })

    test('updateMetadata changes what is given and leaves the rest', async ({ stores: { conversations }, open }) => {
      const metadata = details({ extra: { kept: 1 } })
      await conversations.append('c1', { expectedLength: 0, entries: entries(3), metadata })
      await conversations.updateMetadata('c1', { title: 'Named', titleGenerated: true, updatedAt: at(77) })
      const loaded = await (await open()).conversations.load('c1')
      const expected = {
        ...metadata,
        title: 'Named',
        titleGenerated: true,
        updatedAt: at(77),
        id: 'c1',
        messageCount: 3,
      }
      expect(loaded.metadata).toEqual(expected)
      expect(loaded.entries).toEqual(entries(3))
      await conversations.append('c1', { expectedLength: 3, entries: entries(1, 3), metadata })
      expect((await conversations.load('c1')).entries).toEqual(entries(4))
      await expectCode(conversations.updateMetadata('none', { title: 'x' }), 'E_NOT_FOUND')
      await expectCode(conversations.load('none'), 'E_NOT_FOUND')
    })

    test('a deleted conversation is gone, and its id can begin anew', async ({ stores: { conversations }, open }) => {
      await conversations.append('c1', { expectedLength: 0, entries: entries(3), metadata: details() })
      await conversations.append('c2', { expectedLength: 0, entries: entries(1), metadata: details() })
      await conversations.delete('c1')
      await expectCode(conversations.load('c1'), 'E_NOT_FOUND')
      await expectCode(conversations.delete('c1'), 'E_NOT_FOUND')
      const other = await open()
      expect((await other.conversations.list({ limit: 0, offset: 0 })).conversations.map(({ id }) => id)).toEqual([
        'c2',
      ])
      await other.conversations.append('c1', { expectedLength: 0, entries: entries(1), metadata: details() })
      expect((await conversations.load('c1')).entries).toEqual(entries(1))
    })

    test('those that need titles: entries, no generated title, newest first', async ({ stores: { conversations } }) => {
      const put = (id: string, count: number, metadata: Partial<ConversationDetails>) =>
        conversations.append(id, { expectedLength: 0, entries: entries(count), metadata: details(metadata) })
      await put('old', 1, { updatedAt: at(1) })
      await put('new', 2, { updatedAt: at(3) })
      await put('mid', 2, { updatedAt: at(2) })
      await put('titled', 1, { titleGenerated: true, updatedAt: at(4) })
      await put('empty', 0, { updatedAt: at(5) })
      const ids = async (limit: number) => (await conversations.listNeedingTitles(limit)).map(({ id }) => id)
      expect(await ids(0)).toEqual(['new', 'mid', 'old'])
      expect(await ids(-1)).toEqual(['new', 'mid', 'old'])
      expect(await ids(2)).toEqual(['new', 'mid'])
      await conversations.updateMetadata('new', { titleGenerated: true })
      expect(await ids(0)).toEqual(['mid', 'old'])
    })

    test('10,000 entries: a connection that just opened appends and loads', async ({ stores, open }) => {
      const metadata = details()
      await stores.conversations.append('big', { expectedLength: 0, entries: entries(10_000), metadata })
      const other = await open()
      await other.conversations.append('big', { expectedLength: 10_000, entries: entries(1, 10_000), metadata })
      const loaded = await (await open()).conversations.load('big')
      expect(loaded.entries).toEqual(entries(10_001))
      const { conversations } = await stores.conversations.list({ limit: 1, offset: 0 })
      expect(conversations[0]?.messageCount).toBe(10_001)
    })
  })
}
