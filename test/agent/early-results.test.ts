import { describe, expect, it, vi } from 'vitest'
import { runHeadless } from '#agent/headless.ts'
import { messagesOf } from '#agent/messages.ts'
import { headlessOptions, memoryStores } from './headless-options.ts'
import { calls, recordedModel, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

describe('parallel calls of which a later one ends first', () => {
  it('are stored and told in the order of the calls, and a kill loses nothing that had ended', async () => {
    const stores = memoryStores()
    const first = Promise.withResolvers<void>()
    const tool = testTool(async ({ n }) => {
      if (n === 1) await first.promise
      return { data: n as number }
    })
    const model = () => recordedModel(calls(['Test', { n: 1 }], ['Test', { n: 2 }], ['Test', { n: 3 }]), says('done'))
    const told: string[] = []
    const running = runHeadless(
      headlessOptions({
        stores,
        client: model(),
        sessionId: 'mine',
        tools: () => [tool],
        emit: (line) => 'role' in line && line.role === 'tool' && told.push(line.tool_call_id),
      }),
    )
    const stored = async () => await stores.conversations.load('mine')
    await vi.waitFor(async () => {
      const early = (await stored()).metadata.extra.early_results
      expect(Array.isArray(early) && early.length).toBe(2)
    })
    // What the store has now is what a kill would leave behind.
    const killed = await stored()
    expect(killed.entries.map(({ message }) => message.role)).toEqual(['user', 'assistant'])
    first.resolve()
    await running

    const whole = await stored()
    expect(told).toEqual(['c1', 'c2', 'c3'])
    expect(whole.entries.flatMap(({ message }) => (message.role === 'tool' ? [message.tool_call_id] : []))).toEqual([
      'c1',
      'c2',
      'c3',
    ])
    expect(whole.metadata.extra).toEqual({})

    const { id: _, messageCount: __, ...metadata } = killed.metadata
    await stores.conversations.append('killed', { expectedLength: 0, entries: killed.entries, metadata })
    const again = recordedModel(says('on'))
    await runHeadless(headlessOptions({ stores, client: again, sessionId: 'killed' }))
    const sent = again.requests[0]?.messages.map(({ content }) => content) ?? []
    expect(sent[3]).toMatch(/^Tool execution failed: the run ended before this call had a result/)
    expect(sent[4]).toContain('"data":2')
    expect(sent[5]).toContain('"data":3')
    const { entries, metadata: after } = await stores.conversations.load('killed')
    expect(entries.map(({ message }) => message.tool_call_id ?? message.role)).toEqual([
      'user',
      'assistant',
      'c2',
      'c3',
      'user',
      'assistant',
    ])
    expect(after.extra).toEqual({})
    expect(messagesOf(entries).map(({ content }) => content)).toEqual([...sent.slice(1), 'on'])
  })

  it('do not fail for a store that cannot keep them early', async () => {
    const stores = memoryStores()
    const first = Promise.withResolvers<void>()
    stores.conversations.updateMetadata = async () => {
      first.resolve()
      throw new Error('the store is away')
    }
    const tool = testTool(async ({ n }) => {
      if (n === 1) await first.promise
      return { data: n as number }
    })
    const client = recordedModel(calls(['Test', { n: 1 }], ['Test', { n: 2 }]), says('done'))
    const { error } = await runHeadless(headlessOptions({ stores, client, sessionId: 'mine', tools: () => [tool] }))
    expect(error).toBeUndefined()
    expect((await stores.conversations.load('mine')).entries).toHaveLength(5)
  })
})
