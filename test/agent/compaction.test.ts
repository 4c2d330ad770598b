import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compactSession, partsOf } from '#agent/compaction.ts'
import { type HeadlessOptions, runHeadless } from '#agent/headless.ts'
import { messagesOf } from '#agent/messages.ts'
import { openSession } from '#agent/open-session.ts'
import type { AgentLine } from '#agent/protocol.ts'
import { contextFull, failedStatus } from '#gateway/gateway-error.ts'
import type { ModelEvent } from '#gateway/model.ts'
import type { ConversationEntry } from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { errandModel } from './errand-model.ts'
import { headlessOptions, memoryStores } from './headless-options.ts'
import { overriding } from './overriding.ts'
import { calls, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

const SETTINGS = {
  enabled: true,
  autoAt: 80,
  keepFirstMessages: 2,
  summaryMaxTokens: 50,
  rolloverOnIdleMinutes: 30,
}
const tool = testTool(() => ({ data: 'x'.repeat(200) }))

/** A turn of a call, whose prompt had so many tokens. */
const working = (promptTokens: number): ModelEvent[] =>
  calls(['Test', {}]).map((event) =>
    event.type === 'usage' ? { ...event, promptTokens, totalTokens: promptTokens + 5 } : event,
  )

async function run(more: Partial<HeadlessOptions> & { stores?: Stores }) {
  const lines: AgentLine[] = []
  const limits = { maxTurns: 20, maxTokens: 100, maxConcurrentTools: 2 }
  const options = headlessOptions({ compaction: SETTINGS, tools: () => [tool], limits, ...more })
  const result = await runHeadless({ ...options, emit: (line) => lines.push(line) })
  const said = lines.flatMap((line) => ('type' in line && 'message' in line ? [line.message] : []))
  return { ...result, lines, said }
}

async function stored(stores: Stores) {
  const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
  return await stores.conversations.load(conversations[0]?.id ?? '')
}

describe('compaction in a run', () => {
  it('puts a summary in the place of the older messages when the context is nearly full', async () => {
    const stores = memoryStores()
    const turns = [working(100), working(200), working(300), working(800), says('done')]
    const client = errandModel(
      () => says('They asked for it.'),
      turns,
      async () => 1000,
    )
    const { said, error, lines } = await run({ stores, client })
    expect(error).toBeUndefined()
    expect(said).toContain('Compacted the conversation: 4 older messages became a summary.')
    const last = client.requests.at(-1)?.messages ?? []
    expect(last.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'user', 'assistant', 'tool'])
    expect(last[4]?.content).toContain('They asked for it.')
    const { entries } = await stored(stores)
    expect(messagesOf(entries)).toEqual([...last.slice(1), { role: 'assistant', content: 'done' }])
    expect(client.errands).toHaveLength(1)
    expect(client.errands[0]).toMatchObject({ purpose: 'summary', maxTokens: 50 })
    // The summary is paid for too.
    expect(lines.at(-1)).toMatchObject({ requests: 6 })
    expect((await stored(stores)).metadata.tokenStats.requestCount).toBe(6)
  })

  it('takes 128,000 tokens for a context whose gateway does not tell', async () => {
    const below = errandModel(() => says('short'), [working(90), working(90), working(102_000), says('done')])
    expect((await run({ client: below })).said).not.toContainEqual(expect.stringContaining('Compacted'))
    const above = errandModel(() => says('short'), [working(90), working(90), working(102_500), says('done')])
    expect((await run({ client: above })).said).toContainEqual(expect.stringContaining('Compacted'))
  })

  it('asks again with a summary when the gateway finds the messages too long, once a turn', async () => {
    const full = () => {
      throw contextFull('http://gateway', 'test/model', 400, '')
    }
    const client = errandModel(() => says('short'), [working(1), working(1), working(1), full, says('done')])
    const { said, error, output } = await run({ client })
    expect({ error, output }).toEqual({ error: undefined, output: 'done' })
    expect(said).toContainEqual(expect.stringContaining('Compacted'))
    const hopeless = errandModel(() => says('short'), [working(1), working(1), working(1), full, full, full])
    expect((await run({ client: hopeless })).error).toMatchObject({ failure: 'context_full' })
    expect(hopeless.errands).toHaveLength(1)
    expect(hopeless.requests).toHaveLength(5)
  })

  it('goes on with everything when no summary can be made, and says so once', async () => {
    const stores = memoryStores()
    const turns = [working(100), working(900), working(900), working(900), says('done')]
    const fails = () => {
      throw failedStatus('http://gateway', 500, '')
    }
    const client = errandModel(fails, turns, async () => 1000)
    const { said, error } = await run({ stores, client })
    expect(error).toBeUndefined()
    expect(said.filter((one) => one.startsWith('Older messages could not be summarised: The gateway'))).toHaveLength(1)
    expect((await stored(stores)).entries).toHaveLength(10)
  })

  it('does nothing when it is switched off', async () => {
    const client = errandModel(
      () => says('short'),
      [working(900), working(900), says('done')],
      async () => 1000,
    )
    const { said } = await run({ client, compaction: { ...SETTINGS, enabled: false } })
    expect(said).not.toContainEqual(expect.stringContaining('Compacted'))
    expect(client.errands).toEqual([])
  })

  it('estimates the messages, again and again, where the gateway counts nothing', async () => {
    const long = testTool(() => ({ data: 'x'.repeat(1_000) }))
    const silent = calls(['Test', {}]).filter(({ type }) => type !== 'usage')
    const client = errandModel(
      () => says('short'),
      [...Array.from({ length: 19 }, () => silent), says('done')],
      async () => 2000,
    )
    const { said } = await run({ client, tools: () => [long] })
    expect(said.filter((one) => one.startsWith('Compacted')).length).toBeGreaterThan(1)
  })

  it('knows of a session that is resumed how full its context was', async () => {
    const stores = memoryStores()
    const first = errandModel(() => says('short'), [working(1), working(1), working(900), says('done')])
    await run({ stores, client: first })
    const { metadata } = await stored(stores)
    await stores.conversations.updateMetadata(metadata.id, {
      tokenStats: { ...metadata.tokenStats, lastInputTokens: 900 },
    })
    const again = errandModel(
      () => says('short'),
      [says('and again')],
      async () => 1000,
    )
    const { said } = await run({ stores, client: again, sessionId: metadata.id })
    expect(said).toContainEqual(expect.stringContaining('Compacted'))
    expect((await stored(stores)).metadata.tokenStats.lastInputTokens).toBe(10)
  })
})

describe('compactSession', () => {
  async function long(stores: Stores, more: Partial<Parameters<typeof openSession>[0]> = {}) {
    const options = headlessOptions({ stores })
    const signal = new AbortController().signal
    const opened = await openSession({
      ...options,
      asked: 'mine',
      model: 'test/model',
      warn: () => {},
      signal,
      ...more,
    })
    for (const n of [1, 2, 3, 4]) {
      await opened.session.addUser(`question ${n}`)
      await opened.session.addAssistant({ role: 'assistant', content: `answer ${n}` }, undefined)
    }
    const client = errandModel(() => says('four questions'), [])
    return { ...opened, options: { client, model: 'test/model', signal, settings: SETTINGS, now: () => new Date() } }
  }

  it('leaves the session as a restart finds it', async () => {
    const stores = memoryStores()
    const { session, options } = await long(stores)
    expect(await compactSession(session, options)).toMatchObject({ type: 'compacted', summarised: 4 })
    const { entries, metadata } = await stores.conversations.load('mine')
    expect(messagesOf(entries)).toEqual(session.messages)
    expect(entries.map(({ message }) => message.content)).toEqual([
      'question 1',
      'answer 1',
      expect.stringContaining('four questions'),
      'question 4',
      'answer 4',
    ])
    expect(metadata.title).toBe('question 1')
    expect(metadata.tokenStats.lastInputTokens).toBeGreaterThan(20)
    await session.addUser('question 5')
    expect((await stores.conversations.load('mine')).entries).toHaveLength(6)
  })

  it('says who else is there, and replaces nothing, when another agent has added a message', async () => {
    const stores = memoryStores()
    const { session, options } = await long(stores)
    const client = errandModel(async function* () {
      const { entries, metadata } = await stores.conversations.load('mine')
      const more = [{ message: { role: 'user', content: 'me too' } }]
      await stores.conversations.append('mine', { expectedLength: entries.length, entries: more, metadata })
      yield* says('short')
    }, [])
    await expect(compactSession(session, { ...options, client })).rejects.toThrow(
      /^Another agent is using session mine/,
    )
    expect((await stores.conversations.load('mine')).entries.at(-1)?.message.content).toBe('me too')
    await expect(compactSession(session, options)).rejects.toThrow(/^Another agent is using session mine/)
    // Nobody pays for a summary that has no place.
    expect(options.client.errands).toEqual([])
  })

  it('takes a write whose answer was lost for done', async () => {
    const stores = memoryStores()
    const conversations = overriding(stores.conversations, {
      replace: async (...args: Parameters<Stores['conversations']['replace']>) => {
        await stores.conversations.replace(...args)
        throw new StorageError('E_UNAVAILABLE', 'memory', 'away')
      },
    })
    const { session, options } = await long(stores, { conversations, retryForMs: 60_000 })
    expect(await compactSession(session, options)).toMatchObject({ summarised: 4 })
  })

  it('finds nothing to do in a short conversation', async () => {
    const stores = memoryStores()
    const { session, options } = await long(stores)
    await compactSession(session, options)
    expect(await compactSession(session, options)).toBeUndefined()
  })

  it('shortens without a store what is not saved', async () => {
    const stores = memoryStores()
    const { session, options } = await long(stores, { save: false })
    expect(await compactSession(session, options)).toMatchObject({ summarised: 4 })
    expect(session.messages).toHaveLength(5)
    expect((await stores.conversations.list({ limit: 0, offset: 0 })).conversations).toEqual([])
  })
})

describe('partsOf', () => {
  const turn = fc.oneof(
    fc.constant('question' as const),
    fc.record({ results: fc.integer({ min: 0, max: 3 }), length: fc.integer({ min: 0, max: 400 }) }),
  )
  const conversation = fc.array(turn, { maxLength: 30 }).map((turns) =>
    turns.flatMap((one, n): ConversationEntry[] => {
      if (one === 'question') return [{ message: { role: 'user', content: 'q' } }]
      const ids = Array.from({ length: one.results }, (_, call) => `${n}-${call}`)
      const tool_calls = ids.map((id) => ({ id, type: 'function', function: { name: 'Test', arguments: '{}' } }))
      const results = ids.map((id) => ({ role: 'tool', content: 'r'.repeat(one.length), tool_call_id: id }))
      return [{ role: 'assistant', content: 'a', tool_calls }, ...results].map((message) => ({ message }))
    }),
  )

  it('never parts a call from its results, loses nothing, and keeps what was asked last', () => {
    fc.assert(
      fc.property(conversation, fc.integer({ min: 0, max: 6 }), (entries, keepFirst) => {
        const parts = partsOf(entries, keepFirst)
        if (parts === undefined) return
        for (const part of [parts.first, parts.older, parts.recent]) {
          const ids = part.flatMap(({ message }) => (message.role === 'tool' ? [message.tool_call_id] : []))
          const asked = part.flatMap(({ message }) =>
            Array.isArray(message.tool_calls) ? message.tool_calls.map((call) => (call as { id: string }).id) : [],
          )
          expect(ids).toEqual(asked)
        }
        expect(parts.first.length).toBeGreaterThanOrEqual(Math.min(keepFirst, entries.length))
        expect(new Set([...parts.first, ...parts.older, ...parts.recent])).toEqual(new Set(entries))
        const last = entries.findLast(({ message }) => message.role === 'user')
        if (last) expect([...parts.first, ...parts.recent]).toContain(last)
      }),
    )
  })
})
