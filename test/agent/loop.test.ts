import { describe, expect, it, vi } from 'vitest'
import { type LoopEvent, type LoopRequest, runLoop } from '#agent/loop.ts'
import type { AnyTool } from '#agent/tool.ts'
import { calls, hangs, type RecordedModel, recordedModel, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

function request(client: RecordedModel, more: Partial<LoopRequest> = {}): LoopRequest {
  return {
    messages: [{ role: 'user', content: 'go' }],
    client,
    model: 'test/model',
    tools: [],
    signal: new AbortController().signal,
    limits: { maxTurns: 5, maxTokens: 100, maxConcurrentTools: 3 },
    authorise: async () => ({ kind: 'allowed' }),
    ...more,
  }
}

async function all(of: LoopRequest): Promise<LoopEvent[]> {
  const events: LoopEvent[] = []
  for await (const event of runLoop(of)) events.push(event)
  return events
}

const last = (events: LoopEvent[]) => events.at(-1)
const toolContents = (events: LoopEvent[]) => events.flatMap((event) => (event.type === 'tool' ? [event.content] : []))

describe('runLoop', () => {
  it('ends with a turn of text alone', async () => {
    const events = await all(request(recordedModel(says('hello'))))
    expect(events.map(({ type }) => type)).toEqual(['text', 'assistant', 'end'])
    expect(last(events)).toEqual({ type: 'end', reason: 'answered', text: 'hello' })
  })

  it('warns of an answer that a filter has cut and of one without words', async () => {
    async function* filtered() {
      yield { type: 'finish', reason: 'content_filter' } as const
    }
    async function* nothing() {
      yield { type: 'finish', reason: 'stop' } as const
    }
    const warnings = (events: LoopEvent[]) => events.filter(({ type }) => type === 'warning')
    expect(warnings(await all(request(recordedModel(filtered))))).toMatchObject([
      { message: expect.stringContaining('content filter') },
    ])
    expect(warnings(await all(request(recordedModel(nothing))))).toEqual([
      { type: 'warning', message: 'test/model said nothing.' },
    ])
  })

  it('sends the results of the calls back, each behind its call', async () => {
    const model = recordedModel(calls(['Test', { n: 1 }], ['Test', { n: 2 }]), says('done'))
    const tool = testTool(({ n }) => ({ data: { n: n as number } }))
    await all(request(model, { tools: [tool] }))
    expect(
      model.requests[1]?.messages.map((message) => [message.role, 'tool_call_id' in message && message.tool_call_id]),
    ).toEqual([
      ['user', false],
      ['assistant', false],
      ['tool', 'c1'],
      ['tool', 'c2'],
    ])
    expect(model.requests[0]?.tools).toEqual([
      { name: 'Test', description: 'does what the test wants', parameters: { type: 'object' } },
    ])
  })

  it('runs calls in parallel up to the limit and tells their results in the order of the calls', async () => {
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
    const begun: number[] = []
    const tool = testTool(async ({ n }) => {
      begun.push(n as number)
      await gates[n as number]?.promise
      return { data: n as number }
    })
    const model = recordedModel(calls(...gates.map((_, n): [string, unknown] => ['Test', { n }])), says('done'))
    const running = all(request(model, { tools: [tool] }))
    await vi.waitFor(() => expect(begun).toEqual([0, 1, 2]))
    gates[2]?.resolve()
    await vi.waitFor(() => expect(begun).toEqual([0, 1, 2, 3]))
    for (const gate of gates.toReversed()) gate.resolve()
    const records = toolContents(await running).map((text) => JSON.parse(text.slice('Result of tool call: '.length)))
    expect(records.map(({ data }) => data)).toEqual([0, 1, 2, 3, 4])
  })

  it('begins no tool before the consumer has taken the assistant message', async () => {
    let ran = false
    const tool = testTool(() => {
      ran = true
      return { data: null }
    })
    const events = runLoop(request(recordedModel(calls(['Test', {}]), says('done')), { tools: [tool] }))
    expect((await events.next()).value).toMatchObject({ type: 'assistant' })
    expect(ran).toBe(false)
    expect((await events.next()).value).toMatchObject({ type: 'tool' })
    expect(ran).toBe(true)
    await events.return()
  })

  it('tells the model what went wrong with a call and goes on', async () => {
    const model = recordedModel(calls(['Nope', {}], ['Test', '{"n":'], ['Test', {}], ['Test', '[1]']), says('ok'))
    const tool = testTool(() => {
      throw new Error('the disk is on fire')
    })
    const events = await all(request(model, { tools: [tool] }))
    expect(toolContents(events)).toEqual([
      'Tool execution failed: there is no tool "Nope"; the tools here are Test',
      'Tool execution failed: the arguments are not valid JSON; send them again, complete',
      'Tool execution failed: the disk is on fire',
      'Tool execution failed: the arguments are not a JSON object',
    ])
    expect(last(events)).toMatchObject({ reason: 'answered' })
  })

  it('says blocked and rejected in the words of the contract', async () => {
    const tool = testTool(() => ({ data: null }))
    const authorise: LoopRequest['authorise'] = async ({ call }) =>
      call.id === 'c1' ? { kind: 'blocked', reason: 'not here' } : { kind: 'rejected', feedback: 'use the other one' }
    const events = await all(
      request(recordedModel(calls(['Test', {}], ['Test', {}]), says('ok')), { tools: [tool], authorise }),
    )
    expect(toolContents(events)).toEqual([
      'Blocked: not here',
      "Tool 'Test' was rejected by the user. They said: use the other one",
    ])
  })

  it('stops at max_turns with a warning', async () => {
    const model = recordedModel(calls(['Test', {}]), calls(['Test', {}]))
    const tool = testTool(() => ({ data: 1 }))
    const limits = { maxTurns: 2, maxTokens: 1, maxConcurrentTools: 1 }
    const events = await all(request(model, { tools: [tool], limits }))
    expect(events.slice(-2)).toEqual([
      { type: 'warning', message: 'Stopped after 2 turns (agent.max_turns).' },
      { type: 'end', reason: 'max_turns', text: '' },
    ])
  })

  it('ends the run when a tool says so', async () => {
    const tool = testTool(() => ({ data: 1, endsRun: 'infer://plans/x' }))
    const events = await all(request(recordedModel(calls(['Test', {}])), { tools: [tool] }))
    expect(last(events)).toEqual({ type: 'end', reason: 'tool', text: 'infer://plans/x' })
  })

  it('keeps what was said when it is aborted while the model speaks', async () => {
    const stop = new AbortController()
    const events: LoopEvent[] = []
    for await (const event of runLoop(request(recordedModel(hangs('half a')), { signal: stop.signal }))) {
      events.push(event)
      if (event.type === 'text') stop.abort(new Error('enough'))
    }
    expect(events.slice(1)).toEqual([
      { type: 'assistant', message: { role: 'assistant', content: 'half a' }, usage: undefined },
      { type: 'end', reason: 'interrupted', text: 'half a' },
    ])
  })

  it('gives every call a result when it is aborted inside one, and begins no other', async () => {
    const stop = new AbortController()
    const begun: unknown[] = []
    const tool = testTool(async ({ n }, { signal }) => {
      begun.push(n)
      stop.abort(new Error('enough'))
      signal.throwIfAborted()
      return { data: null }
    })
    const limits = { maxTurns: 5, maxTokens: 100, maxConcurrentTools: 1 }
    const model = recordedModel(calls(['Test', { n: 1 }], ['Test', { n: 2 }]))
    const events = await all(request(model, { tools: [tool], limits, signal: stop.signal }))
    expect(begun).toEqual([1])
    expect(toolContents(events)).toEqual(Array(2).fill('Tool execution failed: the run was stopped before it ended'))
    expect(last(events)).toMatchObject({ reason: 'interrupted' })
  })

  it('asks beforeCall before each call of the model and of a tool, and stops with its refusal', async () => {
    let asked = 0
    const ran: unknown[] = []
    const beforeCall = async () => {
      asked += 1
      if (asked === 3) throw new Error('the lease is lost')
    }
    const tool = testTool(({ n }) => {
      ran.push(n)
      return { data: null }
    })
    const limits = { maxTurns: 5, maxTokens: 100, maxConcurrentTools: 1 }
    const model = recordedModel(calls(['Test', { n: 1 }], ['Test', { n: 2 }], ['Test', { n: 3 }]))
    const events: LoopEvent[] = []
    const running = async () => {
      for await (const event of runLoop(request(model, { tools: [tool], limits, beforeCall }))) events.push(event)
    }
    await expect(running()).rejects.toThrow('the lease is lost')
    expect(ran).toEqual([1])
    expect(model.requests).toHaveLength(1)
    expect(toolContents(events)).toHaveLength(1)
  })

  it('forgets an attempt that is reset', async () => {
    const model = recordedModel([
      { type: 'content', text: 'wro' },
      { type: 'retry', attempt: 2, maxAttempts: 5, delayMs: 0, reason: 'It broke.' },
      { type: 'reset' },
      ...says('right'),
    ])
    const events = await all(request(model))
    expect(last(events)).toMatchObject({ text: 'right' })
    expect(events.map(({ type }) => type)).toEqual(['text', 'retry', 'reset', 'text', 'assistant', 'end'])
  })

  it('makes text storable and ids unique', async () => {
    const broken = `a\ud83d\0b`
    const tool: AnyTool = testTool(() => ({ data: { [broken]: broken } }))
    const model = recordedModel(
      [{ type: 'content', text: broken }, ...calls(['Test', {}])],
      calls(['Test', {}]),
      says('ok'),
    )
    const events = await all(request(model, { tools: [tool] }))
    const ids = events.flatMap((event) => (event.type === 'tool' ? [event.call.id] : []))
    expect(ids).toEqual(['c1', 'c1_2'])
    expect(JSON.stringify(events.filter(({ type }) => type !== 'text'))).not.toMatch(/\\u0000|\\ud83d/)
  })

  it('warns when the answer was cut off', async () => {
    const model = recordedModel([
      { type: 'content', text: 'long' },
      { type: 'finish', reason: 'length' },
    ])
    expect(await all(request(model))).toContainEqual({
      type: 'warning',
      message: 'The answer was cut off at 100 tokens (agent.max_tokens).',
    })
  })
})
