import { describe, expect, it } from 'vitest'
import { type HeadlessOptions, runHeadless } from '#agent/headless.ts'
import type { AgentLine } from '#agent/protocol.ts'
import { failedStatus } from '#gateway/gateway-error.ts'
import type { ModelEvent } from '#gateway/model.ts'
import type { SessionGroupStorage } from '#storage/contract/session-groups.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { errandModel } from './errand-model.ts'
import { headlessOptions, memoryStores } from './headless-options.ts'
import { overriding } from './overriding.ts'
import { calls, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

const KEY = 'channel-telegram-42'
const SETTINGS = {
  enabled: true,
  autoAt: 80,
  keepFirstMessages: 2,
  summaryMaxTokens: 50,
  rolloverOnIdleMinutes: 30,
}
const START = Date.parse('2026-11-23T10:00:00Z')
const clockAt = (minutes: number) => () => new Date(START + minutes * 60_000)
const fails = (): ModelEvent[] => {
  throw failedStatus('http://gateway', 500, '')
}

async function run(stores: Stores, more: Partial<HeadlessOptions> = {}) {
  const lines: AgentLine[] = []
  const options = headlessOptions({ stores, compaction: SETTINGS, sessionId: KEY, now: clockAt(0), ...more })
  const result = await runHeadless({ ...options, emit: (line) => lines.push(line) })
  const said = lines.flatMap((line) => ('type' in line && 'message' in line ? [line.message] : []))
  return { ...result, lines, said }
}

const group = async (stores: Stores) => await stores.sessionGroups.get(KEY)
const contents = async (stores: Stores, id = '') =>
  (await stores.conversations.load(id)).entries.map(({ message }) => message.content)

describe('a session group', () => {
  it('moves on to a new conversation after it was idle for the minutes of the configuration', async () => {
    const stores = memoryStores()
    await run(stores)
    const before = await group(stores)
    const soon = errandModel(() => says('short'), [says('still here')])
    await run(stores, { client: soon, now: clockAt(29) })
    expect((await group(stores))?.currentSessionId).toBe(before?.currentSessionId)

    const client = errandModel(() => says('They greeted.'), [says('back')])
    const { lines, error } = await run(stores, { client, now: clockAt(59) })
    expect(error).toBeUndefined()
    const now = await group(stores)
    expect(now).toMatchObject({ history: [before?.currentSessionId], lastRollover: clockAt(59)() })
    expect(lines[0]).toMatchObject({
      type: 'info',
      message: 'Rolled over to new session (summary preserved)',
      previous_session_id: before?.currentSessionId,
      new_session_id: now?.currentSessionId,
    })
    expect(lines[1]).toMatchObject({ message: 'Resumed agent session', session_id: now?.currentSessionId })
    expect(lines.at(-1)).toMatchObject({ type: 'session_stats', session_id: now?.currentSessionId, requests: 2 })
    expect(await contents(stores, now?.currentSessionId)).toEqual([
      expect.stringContaining('They greeted.'),
      'do it',
      'back',
    ])
    expect((await stores.conversations.load(now?.currentSessionId ?? '')).metadata.title).toBe('do it')
    expect(await contents(stores, before?.currentSessionId)).toHaveLength(4)
    expect(client.requests[0]?.messages[1]?.content).toContain('They greeted.')
  })

  it('never moves on when the minutes are 0, and a conversation by itself never does', async () => {
    const stores = memoryStores()
    await run(stores)
    const { currentSessionId = '' } = (await group(stores)) ?? {}
    const client = errandModel(() => says('short'), [says('a'), says('b')])
    await run(stores, { client, now: clockAt(600), compaction: { ...SETTINGS, rolloverOnIdleMinutes: 0 } })
    await run(stores, { client, now: clockAt(6000), sessionId: currentSessionId })
    expect(client.errands).toEqual([])
    expect((await group(stores))?.history).toEqual([])
  })

  it('stays where it is, with a warning, when no summary can be made', async () => {
    const stores = memoryStores()
    await run(stores)
    const before = await group(stores)
    const { said, error } = await run(stores, { client: errandModel(fails, [says('on')]), now: clockAt(60) })
    expect(error).toBeUndefined()
    expect(said[0]).toMatch(/^Older messages could not be summarised: The gateway .* answered 500/)
    expect(await group(stores)).toEqual(before)
    expect(await contents(stores, before?.currentSessionId)).toHaveLength(4)
  })

  it('moves on at /new without asking for an answer, also when no summary can be made', async () => {
    const stores = memoryStores()
    await run(stores)
    const first = errandModel(() => says('They greeted.'), [])
    const { said, error, lines } = await run(stores, { client: first, task: async () => ' /new\n' })
    expect(error).toBeUndefined()
    expect(said).toEqual([
      'Rolled over to new session (summary preserved)',
      'Resumed agent session',
      'Session complete',
    ])
    expect(lines.some((line) => 'role' in line)).toBe(false)
    const again = await run(stores, { client: errandModel(fails, []), task: async () => '/new' })
    expect(again.said[0]).toBe('Rolled over to new session (no summary could be made)')
    const now = await group(stores)
    expect(now?.history).toHaveLength(2)
    expect(await contents(stores, now?.currentSessionId)).toEqual([expect.stringContaining('They greeted.')])
  })

  it('takes /new for words where there is no group', async () => {
    const stores = memoryStores()
    const client = errandModel(() => says('short'), [says('what?')])
    const { output } = await run(stores, { client, sessionId: 'mine', task: async () => '/new' })
    expect(output).toBe('what?')
  })

  it('moves on in the middle of a run when the context is nearly full, with the calls that are going on', async () => {
    const stores = memoryStores()
    const working = (promptTokens: number): ModelEvent[] =>
      calls(['Test', {}]).map((event) =>
        event.type === 'usage' ? { ...event, promptTokens, totalTokens: promptTokens } : event,
      )
    const client = errandModel(
      () => says('short'),
      [working(10), working(20), working(900), says('done')],
      async () => 1000,
    )
    const tool = testTool(() => ({ data: 'x'.repeat(200) }))
    const { said, output } = await run(stores, { client, tools: () => [tool] })
    expect(output).toBe('done')
    expect(said).toContain('Rolled over to new session (summary preserved)')
    const now = await group(stores)
    const { entries, metadata } = await stores.conversations.load(now?.currentSessionId ?? '')
    expect(entries.map(({ message }) => message.role)).toEqual(['user', 'user', 'assistant', 'tool', 'assistant'])
    expect(entries.map(({ message }) => message.content).slice(1, 2)).toEqual(['do it'])
    expect(metadata.title).toBe('do it')
    expect(await contents(stores, now?.history[0])).toHaveLength(7)
  })

  it('keeps its place with --no-save', async () => {
    const stores = memoryStores()
    await run(stores)
    const before = await group(stores)
    const client = errandModel(() => says('short'), [says('unsaved')])
    await run(stores, { client, now: clockAt(600), save: false })
    expect(await group(stores)).toEqual(before)
  })

  it('goes on in the conversation of the other agent when two move it at once', async () => {
    const stores = memoryStores()
    await run(stores)
    const before = await group(stores)
    const winner = errandModel(() => says('of the winner'), [says('won')])
    const slow = errandModel(
      async function* () {
        // Between the two steps of this one the other does all of its own.
        await run(stores, { client: winner, now: clockAt(60), task: async () => 'first' })
        yield* says('of the loser')
      },
      [says('lost')],
    )
    const { said, error, lines } = await run(stores, { client: slow, now: clockAt(61), task: async () => 'second' })
    expect(error).toBeUndefined()
    const now = await group(stores)
    expect(now?.history).toEqual([before?.currentSessionId])
    expect(said[0]).toBe('Rolled over to new session (summary preserved)')
    expect(lines[0]).toMatchObject({ new_session_id: now?.currentSessionId })
    expect(await contents(stores, now?.currentSessionId)).toEqual([
      expect.stringContaining('of the winner'),
      'first',
      'won',
      'second',
      'lost',
    ])
    const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
    expect(conversations).toHaveLength(2)
  })

  it('lets the compare-and-set of the store decide', async () => {
    const stores = memoryStores()
    await run(stores)
    const theirs = (await run(stores, { sessionId: 'theirs' })).lines[0]
    expect(theirs).toMatchObject({ type: 'warning' })
    const sessionGroups = overriding<SessionGroupStorage>(stores.sessionGroups, {
      put: async (...args: Parameters<SessionGroupStorage['put']>) => {
        const entry = await group(stores)
        if (entry) await stores.sessionGroups.put(KEY, { ...entry, currentSessionId: 'theirs' })
        return await stores.sessionGroups.put(...args)
      },
    })
    const client = errandModel(() => says('short'), [says('on')])
    const { error } = await run(stores, { client, now: clockAt(60), sessionGroups })
    expect(error).toBeUndefined()
    expect((await group(stores))?.currentSessionId).toBe('theirs')
    expect((await contents(stores, 'theirs')).slice(-2)).toEqual(['do it', 'on'])
  })
})
