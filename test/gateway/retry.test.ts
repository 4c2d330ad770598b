import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ModelClient } from '#gateway/model.ts'
import { createOpenAiClient } from '#gateway/openai-client.ts'
import { type RetryPolicy, withRetries } from '#gateway/retry.ts'
import { startScriptedGateway } from '#gateway/scripted/server.ts'
import { ask, collect, connect, hostileServer, QUICK, shownText, sse, textChunk } from './support.ts'

/** A client whose pauses are noted instead of waited for. */
function timed(url: string, policy: RetryPolicy, failFast = false) {
  const pauses: number[] = []
  const plain = createOpenAiClient({ url, apiKey: '', timeoutMs: 10_000 })
  const sleep = async (ms: number) => {
    pauses.push(ms)
  }
  return { client: withRetries(plain, { policy, url, failFast, sleep }), pauses }
}

const SLOW: RetryPolicy = { ...QUICK, initialBackoffMs: 5000, maxBackoffMs: 15_000 }

describe('statuses', () => {
  test('a turn that fails twice comes at the third attempt', async () => {
    await using gateway = await startScriptedGateway()
    const { client, pauses } = timed(gateway.url, SLOW)
    const events = await collect(client.stream(ask('flaky backend')))
    expect(pauses).toEqual([5000, 10_000])
    expect(events.slice(0, 2)).toEqual([
      { type: 'retry', attempt: 2, maxAttempts: 5, delayMs: 5000, reason: expect.stringContaining('429') },
      { type: 'retry', attempt: 3, maxAttempts: 5, delayMs: 10_000, reason: expect.stringContaining('429') },
    ])
    expect(shownText(events)).toBe('It worked at the third attempt.')
  })

  test('the pauses grow to the longest, the attempts end, and the error counts them', async () => {
    await using gateway = await startScriptedGateway()
    const { client, pauses } = timed(gateway.url, SLOW)
    await expect(collect(client.stream(ask('always fails')))).rejects.toMatchObject({
      code: 'E_FAILED',
      status: 500,
      message: expect.stringContaining('(attempt 5)'),
    })
    expect(pauses).toEqual([5000, 10_000, 15_000, 15_000])
    expect(gateway.requests).toHaveLength(5)
  })

  test('Retry-After replaces the pause, up to the longest', async () => {
    await using server = await hostileServer((response, number) => {
      if (number > 2) sse(response, textChunk('ok', 'stop'), '[DONE]').end()
      else response.writeHead(429, { 'retry-after': number === 1 ? '2' : '3600' }).end()
    })
    const { client, pauses } = timed(server.url, SLOW)
    await collect(client.stream(ask('hi')))
    expect(pauses).toEqual([2000, 15_000])
  })

  test('only the statuses of the policy are tried again, and none when retries are off', async () => {
    for (const change of [{ retryableStatusCodes: [429] }, { enabled: false }]) {
      await using gateway = await startScriptedGateway()
      const { client } = timed(gateway.url, { ...SLOW, ...change })
      await expect(collect(client.stream(ask('always fails')))).rejects.toMatchObject({ status: 500 })
      expect(gateway.requests).toHaveLength(1)
    }
  })

  test('the list of models is tried again too', async () => {
    await using server = await hostileServer((response, number) => {
      if (number === 1) response.writeHead(503).end()
      else response.end('{"data":[{"id":"a"},{"id":"b"}]}')
    })
    const { client, pauses } = timed(server.url, SLOW)
    expect(await client.listModels(ask('').signal)).toEqual(['a', 'b'])
    expect(pauses).toEqual([5000])
  })

  test('a signal ends the pause', async () => {
    await using server = await hostileServer((response) => response.writeHead(503).end())
    await using connection = await connect(server.url, {
      ...SLOW,
      initialBackoffMs: 3_600_000,
      maxBackoffMs: 3_600_000,
    })
    const stop = new AbortController()
    const reading = (async () => {
      for await (const _ of connection.client.stream(ask('hi', stop.signal))) {
        setImmediate(() => stop.abort(new Error('stopped')))
      }
    })()
    await expect(reading).rejects.toThrow('stopped')
  })
})

test('a turn that breaks off after some text is announced as reset and comes again whole', async () => {
  await using server = await hostileServer((response, number) => {
    if (number === 1) sse(response, textChunk('hal')).end()
    else sse(response, textChunk('whole', 'stop'), '[DONE]').end()
  })
  const { client } = timed(server.url, SLOW)
  const events = await collect(client.stream(ask('hi')))
  expect(events.map((event) => event.type)).toEqual(['content', 'retry', 'reset', 'content', 'finish'])
  expect(shownText(events)).toBe('whole')
})

describe('addresses that refuse', () => {
  const refused = async (failFast: boolean, answersFirst: boolean) => {
    const server = await hostileServer((response) => response.end('{"data":[]}'))
    const { client, pauses } = timed(server.url, SLOW, failFast)
    if (answersFirst) await client.listModels(ask('').signal)
    await server[Symbol.asyncDispose]()
    await expect(collect(client.stream(ask('hi')))).rejects.toMatchObject({ code: 'E_UNREACHABLE', failure: 'refused' })
    return pauses.length
  }

  test('are not tried again before the gateway has answered once', async () => {
    expect(await refused(true, false)).toBe(0)
  })

  test('are tried again after that, and always in an unattended run', async () => {
    expect(await refused(true, true)).toBe(4)
    expect(await refused(false, false)).toBe(4)
  })
})

describe('stalls', () => {
  // Long enough for a busy machine to answer in, else a healthy attempt would count as a stall.
  const policy = { ...SLOW, stallThresholdMs: 500 }

  test.each([
    ['stalled stream', 'The stream came back.'],
    ['stalled connection', 'The connection came back.'],
  ])('a %s is given up and asked again', async (prompt, text) => {
    await using gateway = await startScriptedGateway()
    const { client, pauses } = timed(gateway.url, policy)
    const events = await collect(client.stream(ask(prompt)))
    expect(shownText(events)).toBe(text)
    expect(events[0]).toMatchObject({ type: 'retry', reason: expect.stringContaining('sent nothing for 0.5 s') })
    expect(pauses[0]).toBe(5000)
  })

  test('a stall counts as an attempt, and the last one is the error', async () => {
    await using gateway = await startScriptedGateway({
      scenarios: { scenarios: [{ name: 'x', match: 'hi', turns: [{ stall: { times: -1 } }] }] },
    })
    const { client } = timed(gateway.url, { ...policy, maxAttempts: 2 })
    await expect(collect(client.stream(ask('hi')))).rejects.toMatchObject({ failure: 'stalled' })
    expect(gateway.requests).toHaveLength(2)
  })

  test('activity without events and a slow consumer are no stall', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const client: ModelClient = {
      listModels: async () => [],
      async *stream({ onActivity, signal }) {
        for (let beat = 0; beat < 5; beat += 1) {
          await vi.advanceTimersByTimeAsync(400)
          onActivity?.()
        }
        signal.throwIfAborted()
        yield { type: 'content', text: 'a' }
        signal.throwIfAborted()
        yield { type: 'finish', reason: 'stop' }
      },
    }
    const types: string[] = []
    for await (const event of withRetries(client, { policy, url: '', failFast: false }).stream(ask('hi'))) {
      types.push(event.type)
      await vi.advanceTimersByTimeAsync(1200)
    }
    expect(types).toEqual(['content', 'finish'])
  })

  test('comments of a stream count as activity', async () => {
    await using server = await hostileServer((response) => {
      sse(response).write(': still working\n\n')
    })
    const client = createOpenAiClient({ url: server.url, apiKey: '', timeoutMs: 10_000 })
    const stop = new AbortController()
    let signs = 0
    const onActivity = () => {
      signs += 1
      if (signs === 2) stop.abort(new Error('both seen'))
    }
    await expect(collect(client.stream({ ...ask('hi', stop.signal), onActivity }))).rejects.toThrow('both seen')
  })
})
