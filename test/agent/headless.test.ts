import { describe, expect, it } from 'vitest'
import { authoriseBy } from '#agent/approval.ts'
import { type HeadlessOptions, runHeadless } from '#agent/headless.ts'
import type { AgentLine } from '#agent/protocol.ts'
import { redactor } from '#agent/redact.ts'
import { InferError } from '#errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { headlessOptions, memoryStores } from './headless-options.ts'
import { calls, hangs, recordedModel, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

async function run(more: Partial<HeadlessOptions> & { stores?: Stores } = {}) {
  const lines: AgentLine[] = []
  const result = await runHeadless(headlessOptions({ ...more, emit: (line) => lines.push(line) }))
  return { ...result, lines, kinds: lines.map((line) => ('role' in line ? line.role : line.type)) }
}

describe('runHeadless', () => {
  it('prints the session, every message, and the sums', async () => {
    const client = recordedModel(calls(['Test', {}]), says('done'))
    const { lines, kinds, output, error } = await run({ client, tools: () => [testTool(() => ({ data: 1 }))] })
    expect(kinds).toEqual(['info', 'user', 'assistant', 'tool', 'assistant', 'session_stats'])
    expect({ output, error }).toEqual({ output: 'done', error: undefined })
    expect(lines.at(-1)).toMatchObject({
      requests: 2,
      prompt_tokens: 20,
      completion_tokens: 10,
      total_tokens: 30,
      tool_calls: 1,
      cost: { input: 0.00004, output: 0.00004, total: 0.00008, currency: 'USD' },
    })
  })

  it('keeps secrets out of the store and of what the model is told', async () => {
    const stores = memoryStores()
    const client = recordedModel(says('the key is secret-value'))
    const redact = redactor(['secret-value'])
    await run({ client, stores, redact, task: async () => 'look at secret-value' })
    const { conversations } = await stores.conversations.list({ limit: 1, offset: 0 })
    const { entries, metadata } = await stores.conversations.load(conversations[0]?.id ?? '')
    expect(entries.map(({ message }) => message.content)).toEqual(['look at ***', 'the key is ***'])
    expect(metadata.title).toBe('look at ***')
    expect(JSON.stringify(client.requests)).not.toContain('secret-value')
  })

  it('has stored every message by the time it is printed, the user message before the model is asked', async () => {
    const stores = memoryStores()
    const stored: number[] = []
    const client = recordedModel(
      async function* () {
        const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
        stored.push(conversations[0]?.messageCount ?? 0)
        yield* calls(['Test', {}])
      },
      async function* () {
        const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
        stored.push(conversations[0]?.messageCount ?? 0)
        yield* says('done')
      },
    )
    const tool = testTool(async () => {
      const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
      stored.push(conversations[0]?.messageCount ?? 0)
      return { data: null }
    })
    await run({ stores, client, tools: () => [tool] })
    expect(stored).toEqual([1, 2, 3])
  })

  it('resumes a session and says how long it is', async () => {
    const stores = memoryStores()
    const first = await run({ stores })
    const { session_id } = first.lines[0] as { session_id: string }
    const client = recordedModel(says('again'))
    const { lines } = await run({ stores, client, sessionId: session_id })
    expect(lines[0]).toMatchObject({ message: 'Resumed agent session', message_count: 2, session_id })
    expect(client.requests[0]?.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user'])
  })

  it('says what went wrong before the sums', async () => {
    const error = new InferError('E_UNREACHABLE', 'No gateway answers.', { hint: 'Start one.' })
    const client = recordedModel(() => {
      throw error
    })
    const result = await run({ client })
    expect(result.kinds).toEqual(['info', 'user', 'agent_error', 'session_stats'])
    expect(result.lines[2]).toMatchObject({ message: 'No gateway answers.', hint: 'Start one.' })
    expect(result.error).toBe(error)
  })

  it('says that it was interrupted, and keeps what had been said', async () => {
    const stores = memoryStores()
    const stop = new AbortController()
    const reason = new InferError('E_INTERRUPTED', 'Interrupted (SIGINT).')
    const client = recordedModel((request) => {
      setImmediate(() => stop.abort(reason))
      return hangs('half')(request)
    })
    const { kinds, error, lines, output } = await run({ stores, client, signal: stop.signal })
    expect(kinds).toEqual(['info', 'user', 'assistant', 'agent_error', 'session_stats'])
    expect(lines[3]).toMatchObject({ message: 'Interrupted (SIGINT).' })
    expect({ error, output }).toEqual({ error: reason, output: 'half' })
    const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
    expect(conversations[0]?.messageCount).toBe(2)
  })

  it('stops the tools that still run when the session was taken by somebody else', async () => {
    const stores = memoryStores()
    const stopped = Promise.withResolvers<boolean>()
    const tool = testTool(async ({ n }, { signal }) => {
      if (n === 2) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        stopped.resolve(true)
        return { data: null }
      }
      const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
      const [one] = conversations
      if (one === undefined) throw new Error('nothing is stored')
      const { id, messageCount, ...metadata } = one
      const entries = [{ message: { role: 'user', content: 'me too' } }]
      await stores.conversations.append(id, { expectedLength: messageCount, entries, metadata })
      return { data: null }
    })
    const client = recordedModel(calls(['Test', { n: 1 }], ['Test', { n: 2 }]))
    const { error } = await run({ stores, client, tools: () => [tool] })
    expect(error).toMatchObject({ message: expect.stringMatching(/^Another agent is using session/) })
    expect(await stopped.promise).toBe(true)
  })

  it('ends with exit 0 and a warning at max_turns', async () => {
    const limits = { maxTurns: 1, maxTokens: 100, maxConcurrentTools: 1 }
    const client = recordedModel(calls(['Test', {}]))
    const { kinds, error } = await run({ client, limits, tools: () => [testTool(() => ({ data: 1 }))] })
    expect(kinds).toContain('warning')
    expect(error).toBeUndefined()
  })

  it('blocks what needs an approval that nobody can give', async () => {
    const tool = testTool(() => ({ data: 'ran' }), { needsApproval: () => true })
    const authorise = authoriseBy({ mode: 'standard', behaviour: 'prompt' })
    const client = recordedModel(calls(['Test', {}]), says('a pity'))
    const { lines } = await run({ client, authorise, tools: () => [tool] })
    expect(lines[3]).toMatchObject({ role: 'tool', content: expect.stringMatching(/^Blocked: .*--mode auto/) })
  })

  it('refuses an empty task before anything is stored', async () => {
    const stores = memoryStores()
    const { error, kinds } = await run({ stores, task: async () => ' \n', sessionId: 'channel-telegram-1' })
    expect(error).toMatchObject({ code: 'E_USAGE' })
    expect(kinds).toEqual(['agent_error'])
    expect((await stores.sessionGroups.list()).size).toBe(0)
  })
})
