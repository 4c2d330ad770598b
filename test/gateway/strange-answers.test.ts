import { describe, expect, test } from 'vitest'
import { retryAfter } from '#gateway/classify-answer.ts'
import { readServerSentEvents } from '#gateway/sse.ts'
import { type CompletionChunk, MAX_TURN, TurnAssembly } from '#gateway/turn-assembly.ts'
import { ask, collect, connect, hostileServer } from './support.ts'

function assembled(...deltas: unknown[]) {
  const turn = new TurnAssembly()
  for (const delta of deltas) [...turn.add({ choices: [{ delta }] } as CompletionChunk)]
  return [...turn.end()].filter((event) => event.type === 'tool_call')
}

describe('tool calls of a careless gateway', () => {
  test('a number as id becomes a text', () => {
    expect(assembled({ tool_calls: [{ index: 0, id: 7, function: { name: 'A', arguments: '{}' } }] })).toEqual([
      { type: 'tool_call', id: '7', name: 'A', arguments: '{}' },
    ])
  })

  test('what is no call is passed over', () => {
    const nothing = [{ tool_calls: [null, 'x'] }, { tool_calls: {} }, { tool_calls: 'x' }]
    expect(assembled(...nothing, { tool_calls: [{ id: 'a', function: null }] })).toMatchObject([{ id: 'a', name: '' }])
  })

  test('arguments may come before the id and the name of their call', () => {
    const begin = { tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }
    const end = { tool_calls: [{ index: 0, id: 'x', function: { name: 'A', arguments: '1}' } }] }
    expect(assembled(begin, end)).toEqual([{ type: 'tool_call', id: 'x', name: 'A', arguments: '{"a":1}' }])
  })
})

test.each([
  [{ prompt_tokens: '12', completion_tokens: 'x', total_tokens: null }, [12, 0, 12]],
  [{ prompt_tokens: -5, completion_tokens: 1.5, total_tokens: {} }, [0, 0, 0]],
])('usage %j is counted in whole numbers', (usage, [promptTokens, completionTokens, totalTokens]) => {
  const turn = new TurnAssembly()
  expect([...turn.add({ usage })]).toEqual([])
  expect([...turn.end()][0]).toEqual({ type: 'usage', promptTokens, completionTokens, totalTokens })
})

test('a line that comes in thousands of pieces is one event, and one without an end is given up', async () => {
  const piece = Buffer.alloc(1024, 'x')
  async function* body(pieces: number) {
    yield Buffer.from('data: ')
    for (let n = 0; n < pieces; n += 1) yield piece
  }
  const events = []
  for await (const event of readServerSentEvents(body(2_000), () => {})) events.push(event)
  expect(events.map(({ data }) => data.length)).toEqual([2_000 * 1024])
  const endless = readServerSentEvents(body(Number.POSITIVE_INFINITY), () => {})[Symbol.asyncIterator]()
  await expect(endless.next()).rejects.toThrow(expect.objectContaining({ name: 'EndlessAnswer' }))
})

test('a text without an end is given up, and not asked for again', async () => {
  const chunk = `data: ${JSON.stringify({ choices: [{ delta: { content: 'x'.repeat(MAX_TURN / 4) } }] })}\n\n`
  await using gateway = await hostileServer((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let n = 0; n < 5; n += 1) response.write(chunk)
  })
  await using connection = await connect(gateway.url)
  await expect(collect(connection.client.stream(ask('x')))).rejects.toMatchObject({
    failure: 'status',
    message: expect.stringContaining('does not end'),
  })
  expect(gateway.count()).toBe(1)
})

test('a redirect that is not followed is told with where it leads', async () => {
  await using gateway = await hostileServer((response) => {
    response.writeHead(301, { location: 'https://other.example/v1' }).end()
  })
  await using connection = await connect(gateway.url)
  await expect(collect(connection.client.stream(ask('x')))).rejects.toMatchObject({
    failure: 'wrong_url',
    message: expect.stringContaining('301, a redirect to https://other.example/v1'),
  })
})

test('redirects in a circle are called so', async () => {
  await using gateway = await hostileServer((response, _, request) => {
    response.writeHead(307, { location: request.url }).end()
  })
  await using connection = await connect(gateway.url)
  await expect(collect(connection.client.stream(ask('x')))).rejects.toThrow('more than 20 redirects')
})

test('an answer that is no stream of events is not called broken off', async () => {
  await using gateway = await hostileServer((response) => response.end('<html>login</html>'))
  await using connection = await connect(gateway.url)
  await expect(collect(connection.client.stream(ask('x')))).rejects.toThrow('held no part of an answer')
})

test.each([
  'input length and `max_tokens` exceed context limit: 195000 + 8192 > 200000',
  'The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).',
  "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
  'Please reduce the length of the messages or completion.',
  'Your request exceeded model token limit: 262144',
])('a full context is known by: %s', async (message) => {
  await using gateway = await hostileServer((response) => {
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }))
  })
  await using connection = await connect(gateway.url)
  await expect(collect(connection.client.stream(ask('x')))).rejects.toMatchObject({ failure: 'context_full' })
})

test('a negative Retry-After is none', () => {
  expect([retryAfter('-5', 0), retryAfter('0', 0), retryAfter('1.5', 0)]).toEqual([undefined, 0, 1_500])
})
