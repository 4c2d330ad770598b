import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { startScriptedGateway } from '#gateway/scripted/server.ts'
import { ask, collect, connect, hostileServer, ONCE, QUICK, shownText, sse, textChunk } from './support.ts'

describe('a turn from a good gateway', () => {
  test('text, reasoning, usage and finish arrive in order', async () => {
    await using gateway = await startScriptedGateway()
    await using connection = await connect(gateway.url)
    const events = await collect(connection.client.stream(ask('think step by step')))
    const types = events.map((event) => event.type).filter((type, at, all) => type !== all[at - 1])
    expect(types).toEqual(['reasoning', 'content', 'usage', 'finish'])
    expect(shownText(events)).toBe('It is 42.')
    expect(events.at(-2)).toEqual({ type: 'usage', promptTokens: 10, completionTokens: 5, totalTokens: 15 })
    expect(events.at(-1)).toEqual({ type: 'finish', reason: 'stop' })
  })

  test('tool calls come complete and in order', async () => {
    await using gateway = await startScriptedGateway()
    await using connection = await connect(gateway.url)
    const events = await collect(connection.client.stream(ask('read four files in parallel')))
    expect(events.filter((event) => event.type === 'tool_call')).toEqual(
      ['a', 'b', 'c', 'd'].map((letter, at) => ({
        type: 'tool_call',
        id: `call_0_${at}`,
        name: 'Read',
        arguments: `{"file_path":"${letter}.txt"}`,
      })),
    )
    expect(events.at(-1)).toEqual({ type: 'finish', reason: 'tool_calls' })
  })

  test.each(['', '/', '/v1', '/v1/'])('the address may end with "%s"', async (ending) => {
    await using gateway = await startScriptedGateway()
    await using connection = await connect(gateway.url + ending)
    expect(connection.url).toBe(gateway.url)
    expect(await connection.client.listModels(ask('').signal)).toEqual(['mock/model'])
  })

  test('the request carries messages, tools, limit and key; no key means no Authorization header', async () => {
    await using gateway = await startScriptedGateway()
    await using withKey = await connect(gateway.url, ONCE, { apiKey: 'secret-key\n' })
    await using without = await connect(gateway.url)
    const tool = { name: 'Read', description: 'reads', parameters: { type: 'object' } }
    await collect(withKey.client.stream({ ...ask('say hello'), tools: [tool] }))
    await collect(without.client.stream(ask('say hello')))
    expect(gateway.requests.map((request) => request.authorization)).toEqual(['Bearer secret-key', undefined])
    expect(gateway.requests[0]?.body).toEqual({
      model: 'mock/model',
      messages: [{ role: 'user', content: 'say hello' }],
      max_tokens: 100,
      stream: true,
      stream_options: { include_usage: true },
      tools: [{ type: 'function', function: tool }],
    })
    expect(gateway.requests[1]?.body).not.toHaveProperty('tools')
  })

  test('leaving the loop ends the request', async () => {
    const closed = Promise.withResolvers<void>()
    await using server = await hostileServer((response) => {
      response.on('close', closed.resolve)
      sse(response, textChunk('one'))
    })
    await using connection = await connect(server.url, { ...QUICK, stallThresholdMs: 60_000 })
    for await (const _ of connection.client.stream(ask('hi'))) break
    await closed.promise
  })

  test('an aborted signal ends the request with its reason', async () => {
    await using server = await hostileServer((response) => sse(response, textChunk('one')))
    await using connection = await connect(server.url, QUICK)
    const stop = new AbortController()
    const reason = new Error('Esc')
    const reading = (async () => {
      for await (const _ of connection.client.stream(ask('hi', stop.signal))) stop.abort(reason)
    })()
    await expect(reading).rejects.toBe(reason)
    expect(server.count()).toBe(1)
  })
})

describe('the connection', () => {
  test('is used again, however soon the next request comes', async () => {
    const sockets = new Set<unknown>()
    await using server = await hostileServer((response, _, request) => {
      sockets.add(request.socket)
      sse(response, textChunk('whole', 'stop'), '[DONE]').end()
    })
    await using connection = await connect(server.url)
    for (let n = 0; n < 20; n += 1) await collect(connection.client.stream(ask('hi')))
    // One may still be on its way back when the next request begins.
    expect(sockets.size).toBeLessThan(20)
  })

  test('of an answer that is complete but never ends is given up, and the answer does not wait for it', async () => {
    const closed = Promise.withResolvers<void>()
    await using server = await hostileServer((response) => {
      response.on('close', closed.resolve)
      sse(response, textChunk('whole', 'stop'), '[DONE]')
    })
    await using connection = await connect(server.url)
    expect(shownText(await collect(connection.client.stream(ask('hi'))))).toBe('whole')
    await closed.promise
  })
})

describe('the size of a context', () => {
  test.each([
    ['context_window', 1000],
    ['context_length', 2000],
    ['max_model_len', 3000],
  ])('is what the list of models calls %s', async (key, size) => {
    const data = [{ id: 'other', [key]: 1 }, { id: 'mock/model', context_window: null, [key]: size }, { id: 'silent' }]
    await using server = await hostileServer((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }))
    })
    await using connection = await connect(server.url)
    const { signal } = new AbortController()
    expect(await connection.client.contextWindow?.('mock/model', signal)).toBe(size)
    expect(await connection.client.contextWindow?.('silent', signal)).toBeUndefined()
    expect(await connection.client.contextWindow?.('unknown', signal)).toBeUndefined()
  })
})

describe('answers that are odd but complete', () => {
  test('no [DONE] after a reason to finish', async () => {
    await using server = await hostileServer((response) => sse(response, textChunk('whole', 'stop')).end())
    await using connection = await connect(server.url)
    expect(shownText(await collect(connection.client.stream(ask('hi'))))).toBe('whole')
  })

  test('frames cut anywhere, also inside a character, with CRLF and comments', async () => {
    await using server = await hostileServer(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const bytes = Buffer.from(
        `: alive\r\n\r\ndata:${JSON.stringify(textChunk('grüße 👋'))}\r\n\r\ndata: [DONE]\r\n\r\n`,
      )
      for (const byte of bytes) {
        if (!response.write(Buffer.of(byte))) await once(response, 'drain')
        await new Promise(setImmediate)
      }
      response.end()
    })
    await using connection = await connect(server.url)
    expect(shownText(await collect(connection.client.stream(ask('hi'))))).toBe('grüße 👋')
  })

  test('a whole JSON answer instead of a stream', async () => {
    await using server = await hostileServer((response) => {
      const message = { content: 'whole', tool_calls: [{ id: 'x', function: { name: 'Read', arguments: '{}' } }] }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ choices: [{ message, finish_reason: 'tool_calls' }] }))
    })
    await using connection = await connect(server.url)
    expect(await collect(connection.client.stream(ask('hi')))).toEqual([
      { type: 'content', text: 'whole' },
      { type: 'tool_call', id: 'x', name: 'Read', arguments: '{}' },
      { type: 'finish', reason: 'tool_calls' },
    ])
  })

  test('tool calls that share one index, or have none, are kept apart by their ids', async () => {
    const piece = (index: number | undefined, id: string | undefined, name: string, args: string) => ({
      choices: [{ delta: { tool_calls: [{ index, id, function: { name, arguments: args } }] } }],
    })
    await using server = await hostileServer((response) => {
      sse(response, piece(0, 'a', 'Read', '{"x":'), piece(0, undefined, '', '1}'), piece(0, 'b', 'Tree', '{"y":2}'))
      sse(response, piece(undefined, 'c', 'Grep', '{"z"'), piece(undefined, undefined, '', ':3}'), '[DONE]').end()
    })
    await using connection = await connect(server.url)
    const events = await collect(connection.client.stream(ask('hi')))
    expect(
      events.flatMap((event) => (event.type === 'tool_call' ? [[event.id, event.name, event.arguments]] : [])),
    ).toEqual([
      ['a', 'Read', '{"x":1}'],
      ['b', 'Tree', '{"y":2}'],
      ['c', 'Grep', '{"z":3}'],
    ])
  })

  test('a garbled frame among text is left out with a warning', async () => {
    await using gateway = await startScriptedGateway()
    await using connection = await connect(gateway.url)
    const events = await collect(connection.client.stream(ask('garbled stream')))
    expect(shownText(events)).toBe('One part of this stream was garbled.')
    expect(events).toContainEqual({ type: 'warning', message: expect.stringContaining('garbled') })
  })
})

describe('answers that are not to be trusted', () => {
  test('a garbled frame among tool calls fails the attempt', async () => {
    await using gateway = await startScriptedGateway({
      scenarios: {
        scenarios: [{ name: 'x', match: '', turns: [{ malformed: true, tool_calls: [{ name: 'Bash', args: {} }] }] }],
      },
    })
    await using connection = await connect(gateway.url)
    await expect(collect(connection.client.stream(ask('hi')))).rejects.toMatchObject({ failure: 'broken_stream' })
  })

  test('a stream that ends in the middle', async () => {
    await using server = await hostileServer((response) => sse(response, textChunk('hal')).end())
    await using connection = await connect(server.url)
    await expect(collect(connection.client.stream(ask('hi')))).rejects.toMatchObject({
      code: 'E_FAILED',
      failure: 'broken_stream',
    })
  })

  test('a connection that breaks in the middle', async () => {
    await using server = await hostileServer((response) => {
      sse(response, textChunk('hal'))
      setImmediate(() => response.destroy())
    })
    await using connection = await connect(server.url)
    await expect(collect(connection.client.stream(ask('hi')))).rejects.toMatchObject({ failure: 'network' })
  })

  test.each([
    [{ error: { message: 'slow down', type: 'rate_limit_error' } }, { failure: 'status', status: 429 }],
    [{ error: { message: 'upstream', code: 502 } }, { failure: 'status', status: 502 }],
    [{ error: 'no idea' }, { failure: 'status', status: undefined, message: expect.stringContaining('no idea') }],
    [{ error: { message: 'too long', code: 'context_length_exceeded' } }, { failure: 'context_full' }],
  ])('an error inside the stream: %j', async (frame, expected) => {
    await using server = await hostileServer((response) => sse(response, frame, '[DONE]').end())
    await using connection = await connect(server.url)
    await expect(collect(connection.client.stream(ask('hi')))).rejects.toMatchObject(expected)
  })
})
