import { describe, expect, it } from 'vitest'
import { type OpenSessionOptions, openSession, originOf } from '#agent/open-session.ts'
import type { ToolOutcome } from '#agent/tool-call.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { memoryStores } from './headless-options.ts'

const NOW = new Date('2026-11-23T18:38:46.203Z')
const USAGE = { promptTokens: 100, completionTokens: 20, totalTokens: 120 }
const CALL = { id: 'c1', type: 'function' as const, function: { name: 'Read', arguments: '{"file_path":"a.txt"}' } }
const OUTCOME: ToolOutcome = { kind: 'result', arguments: { file_path: 'a.txt' }, durationMs: 12, data: { n: 1 } }

interface Opened {
  warnings: string[]
  open: (asked?: string, more?: Partial<OpenSessionOptions>) => ReturnType<typeof openSession>
}

function opening(stores: Stores): Opened {
  const warnings: string[] = []
  const open: Opened['open'] = (asked, more = {}) =>
    openSession({
      conversations: stores.conversations,
      sessionGroups: stores.sessionGroups,
      asked,
      save: true,
      model: 'test/model',
      prices: { currency: 'EUR', perMillion: { 'test/model': { input: 10, output: 100 } } },
      now: () => NOW,
      retryForMs: 0,
      signal: new AbortController().signal,
      warn: (message) => warnings.push(message),
      ...more,
    })
  return { warnings, open }
}

describe('Session', () => {
  it('stores each message when it is added, in the shape of the historical files', async () => {
    const stores = memoryStores()
    const { session, resumed } = await opening(stores).open()
    expect(resumed).toBe(false)
    await session.addUser('read a.txt')
    const stored = async () => (await stores.conversations.load(session.id)).entries
    expect(await stored()).toEqual([{ message: { content: 'read a.txt', role: 'user' }, time: NOW.toISOString() }])
    await session.addAssistant({ role: 'assistant', content: '', reasoning_content: 'hm', tool_calls: [CALL] }, USAGE)
    expect((await stored()).at(-1)).toEqual({
      message: {
        content: '',
        role: 'assistant',
        tool_calls: [{ function: CALL.function, id: 'c1', type: 'function' }],
      },
      model: 'test/model',
      time: NOW.toISOString(),
      reasoning_content: 'hm',
    })
    await session.addTool(CALL, 'Result of tool call: {}', OUTCOME)
    expect((await stored()).at(-1)).toEqual({
      message: { content: 'Result of tool call: {}', role: 'tool', tool_call_id: 'c1' },
      time: NOW.toISOString(),
      tool_execution: {
        tool_name: 'Read',
        arguments: { file_path: 'a.txt' },
        success: true,
        duration: 12_000_000,
        data: { n: 1 },
      },
    })
  })

  it('keeps count of tokens and costs over several runs', async () => {
    const stores = memoryStores()
    const { session } = await opening(stores).open()
    await session.addUser('one')
    await session.addAssistant({ role: 'assistant', content: 'a' }, USAGE)
    const again = (await opening(stores).open(session.id)).session
    await again.addUser('two')
    await again.addAssistant({ role: 'assistant', content: 'b' }, USAGE)
    const { metadata } = await stores.conversations.load(session.id)
    expect(metadata.tokenStats).toEqual({
      totalInputTokens: 200,
      totalOutputTokens: 40,
      totalTokens: 240,
      requestCount: 2,
      lastInputTokens: 100,
    })
    expect(metadata.costStats).toMatchObject({ currency: 'EUR', totalInputCost: 0.002, totalOutputCost: 0.004 })
    expect(metadata.costStats.totalCost).toBeCloseTo(0.006)
    // The keys are those of the Go CLI.
    expect(metadata.costStats.perModelStats).toEqual({
      'test/model': {
        Model: 'test/model',
        InputTokens: 200,
        OutputTokens: 40,
        InputCost: 0.002,
        OutputCost: 0.004,
        TotalCost: expect.closeTo(0.006),
        RequestCount: 2,
      },
    })
  })

  it('takes its title from the first message until there is a better one', async () => {
    const stores = memoryStores()
    const { session } = await opening(stores).open()
    await session.addUser(`  first\n line ${'word '.repeat(40)}`)
    await session.addUser('second')
    const { metadata } = await stores.conversations.load(session.id)
    expect(metadata.title).toMatch(/^first line word .*word…$/)
    expect(metadata.title.length).toBeLessThanOrEqual(60)
    expect(metadata.titleGenerated).toBe(false)
  })

  it('says who else is there when another agent was faster, and overwrites nothing', async () => {
    const stores = memoryStores()
    const { session } = await opening(stores).open()
    await session.addUser('one')
    const other = (await opening(stores).open(session.id)).session
    await other.addUser('two')
    await expect(session.addUser('three')).rejects.toMatchObject({
      name: 'InferError',
      message: `Another agent is using session ${session.id}; what it stored was not overwritten.`,
    })
    expect((await stores.conversations.load(session.id)).entries.map(({ message }) => message.content)).toEqual([
      'one',
      'two',
    ])
  })

  it('repeats a write while the store does not answer', async () => {
    const stores = memoryStores()
    let failures = 1
    const conversations: Stores['conversations'] = Object.assign(Object.create(stores.conversations), {
      append: async (...args: Parameters<Stores['conversations']['append']>) => {
        if (failures-- > 0) throw new StorageError('E_UNAVAILABLE', 'memory', 'away')
        return await stores.conversations.append(...args)
      },
    })
    const { session } = await opening(stores).open(undefined, { conversations, retryForMs: 60_000 })
    await session.addUser('one')
    expect((await stores.conversations.load(session.id)).entries).toHaveLength(1)
    failures = 1
    const impatient = (await opening(stores).open(undefined, { conversations })).session
    await expect(impatient.addUser('one')).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
  })

  it('writes nothing with save: false', async () => {
    const stores = memoryStores()
    const { session } = await opening(stores).open('channel-telegram-7', { save: false })
    await session.addUser('one')
    expect(session.messages).toEqual([{ role: 'user', content: 'one' }])
    expect((await stores.conversations.list({ limit: 0, offset: 0 })).conversations).toEqual([])
    expect((await stores.sessionGroups.list()).size).toBe(0)
  })

  it('replaces what no store can keep', async () => {
    const stores = memoryStores()
    const { session } = await opening(stores).open()
    await session.addUser('a\0b\ud800c')
    expect((await stores.conversations.load(session.id)).entries[0]?.message.content).toBe('a\ufffdb\ufffdc')
  })
})

describe('openSession', () => {
  it('resumes a conversation by its id, with everything that was said', async () => {
    const stores = memoryStores()
    const { open, warnings } = opening(stores)
    const first = (await open()).session
    await first.addUser('one')
    await first.addAssistant({ role: 'assistant', content: 'two' }, undefined)
    const { session, resumed } = await open(first.id)
    expect(resumed).toBe(true)
    expect(session.length).toBe(2)
    expect(session.messages).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'two' },
    ])
    expect(warnings).toEqual([])
  })

  it('starts an unknown id fresh under that id, with a warning', async () => {
    const stores = memoryStores()
    const { open, warnings } = opening(stores)
    const { session, resumed } = await open('nightly-report')
    expect({ id: session.id, resumed }).toEqual({ id: 'nightly-report', resumed: false })
    expect(warnings).toEqual(['There is no session nightly-report; a new one starts under this id.'])
    await session.addUser('one')
    expect((await open('nightly-report')).resumed).toBe(true)
  })

  it('gives a new group key a conversation of its own and finds it again', async () => {
    const stores = memoryStores()
    const { open, warnings } = opening(stores)
    const first = await open('channel-telegram--100')
    expect(first.session.id).not.toContain('telegram')
    expect(first.origin).toEqual({ channel: 'telegram', recipientId: '-100' })
    expect(warnings).toHaveLength(1)
    await first.session.addUser('hi')
    const second = await open('channel-telegram--100')
    expect(second).toMatchObject({ resumed: true, origin: first.origin })
    expect(second.session.id).toBe(first.session.id)
  })

  it('gives two processes that start a group at once the same conversation', async () => {
    const stores = memoryStores()
    const { open } = opening(stores)
    const both = await Promise.all([open('channel-telegram-1'), open('channel-telegram-1')])
    expect(both[0].session.id).toBe(both[1].session.id)
  })

  it('starts anew when the conversation of a group is gone', async () => {
    const stores = memoryStores()
    const { open, warnings } = opening(stores)
    const { session } = await open('channel-telegram-1')
    await session.addUser('hi')
    await stores.conversations.delete(session.id)
    expect((await open('channel-telegram-1')).resumed).toBe(false)
    expect(warnings.at(-1)).toMatch(/has no conversation .* any more; a new one starts/)
  })

  it('never replaces what it cannot read', async () => {
    const stores = memoryStores()
    const conversations: Stores['conversations'] = Object.assign(Object.create(stores.conversations), {
      load: async () => {
        throw new StorageError('E_CORRUPT', 'memory', 'line 3 is damaged')
      },
    })
    await expect(opening(stores).open('some-id', { conversations })).rejects.toMatchObject({ code: 'E_CORRUPT' })
    expect((await stores.conversations.list({ limit: 0, offset: 0 })).conversations).toEqual([])
  })

  it('refuses what is neither an id nor a key', async () => {
    for (const asked of ['', ' ', 'a\0b', 'x'.repeat(513)]) {
      await expect(opening(memoryStores()).open(asked)).rejects.toMatchObject({ code: 'E_USAGE' })
    }
  })
})

describe('originOf', () => {
  it('reads channel and recipient from the key, and from nothing else', () => {
    expect(originOf('channel-telegram-42')).toEqual({ channel: 'telegram', recipientId: '42' })
    expect(originOf('channel-slack-C0-1')).toEqual({ channel: 'slack', recipientId: 'C0-1' })
    for (const key of [undefined, 'telegram-42', 'channel-telegram', 'channel--42', 'xchannel-telegram-42']) {
      expect(originOf(key)).toBeUndefined()
    }
  })
})
