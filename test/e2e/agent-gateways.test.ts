import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hostileServer, sse, textChunk } from '../gateway/support.ts'
import { newPlace, type Place } from './infer-process.ts'

let place: Place
beforeEach(async () => {
  place = await newPlace({ INFER_GATEWAY_MOCK: 'false', INFER_CLIENT_RETRY_INITIAL_BACKOFF_SEC: '0' })
})
afterEach(() => place[Symbol.asyncDispose]())

async function ask(answer: (response: ServerResponse, number: number) => unknown, env: NodeJS.ProcessEnv = {}) {
  await using server = await hostileServer((response, number, request) => {
    if (request.headers['x-infer-purpose'] !== undefined) return response.writeHead(503).end()
    return answer(response, number)
  })
  const args = ['agent', 'hello', '-m', 'a/b', '--no-save']
  const { code, stdout, stderr } = await place.run(args, { env: { INFER_GATEWAY_URL: server.url, ...env } })
  const lines: Record<string, unknown>[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return { code, stderr, lines, url: server.url }
}

const json = (response: ServerResponse, status: number, body: object) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

describe('infer agent and a gateway that answers', () => {
  it('takes usage, tool calls in pieces and reasoning from the stream, also when it ends without [DONE]', async () => {
    const call = (piece: object) => ({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...piece }] } }] })
    const { code, lines } = await ask((response, number) => {
      if (number === 1) {
        sse(response, { choices: [{ index: 0, delta: { reasoning_content: 'hm' } }] })
        sse(response, call({ id: 'call_x', type: 'function', function: { name: 'Re', arguments: '' } }))
        sse(response, call({ function: { arguments: '{"file_' } }), call({ function: { arguments: 'path":"a.txt"}' } }))
        sse(response, { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] })
        return sse(response, { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } }).end()
      }
      return sse(response, textChunk('fine', 'stop')).end()
    })
    expect(code).toBe(0)
    expect(lines[2]).toMatchObject({
      role: 'assistant',
      reasoning_content: 'hm',
      tool_calls: [{ id: 'call_x', function: { name: 'Re', arguments: '{"file_path":"a.txt"}' } }],
      token_usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    })
    expect(lines[3]).toMatchObject({ role: 'tool', content: expect.stringContaining('there is no tool "Re"') })
    expect(lines[4]).toMatchObject({ role: 'assistant', content: 'fine' })
  })

  it('says each refusal in a sentence of its own, with its exit code', async () => {
    const cases: [answer: (response: ServerResponse) => unknown, code: number, sentence: string][] = [
      [
        (response) => json(response, 401, { error: { message: 'no such key' } }),
        2,
        'wants an API key (401: no such key).',
      ],
      [
        (response) => json(response, 404, { error: { message: 'The model a/b does not exist' } }),
        2,
        'does not know the model a/b',
      ],
      [
        (response) => json(response, 400, { error: { code: 'context_length_exceeded', message: 'too long' } }),
        1,
        'The conversation no longer fits into the context of a/b',
      ],
      [(response) => response.writeHead(404).end('nothing here'), 4, 'No OpenAI-compatible gateway at'],
      [
        (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
        4,
        'it answered with an HTML page',
      ],
      [(response) => sse(response, { error: { message: 'it broke', code: 400 } }).end(), 1, 'answered 400: it broke'],
    ]
    for (const [answer, code, sentence] of cases) {
      const ended = await ask(answer)
      expect(ended.lines.at(-2)).toMatchObject({ type: 'agent_error', message: expect.stringContaining(sentence) })
      expect(ended.lines.at(-1)).toMatchObject({ type: 'session_stats' })
      expect(ended.code).toBe(code)
      expect(ended.stderr).toContain(sentence)
    }
  })

  it('asks again when an answer breaks off, and says so', async () => {
    const { code, lines } = await ask((response, number) => {
      if (number === 1) return void sse(response, textChunk('half')).end()
      return sse(response, textChunk('whole', 'stop'), '[DONE]').end()
    })
    expect(code).toBe(0)
    expect(lines).toContainEqual(
      expect.objectContaining({
        type: 'warning',
        message: expect.stringMatching(/ended in the middle.*Attempt 2 of 5/),
      }),
    )
    expect(lines.at(-2)).toMatchObject({ role: 'assistant', content: 'whole' })
  })
})

describe('the secrets of the configuration', () => {
  const SECRET = 'planted-s3cret'
  const env = {
    INFER_GATEWAY_API_KEY: SECRET,
    INFER_STORAGE_REDIS_PASSWORD: `redis-${SECRET}`,
    INFER_STORAGE_POSTGRES_URL: `postgres://me:pg-${SECRET}@127.0.0.1:1/db`,
    INFER_CHANNELS_TELEGRAM_BOT_TOKEN: `bot-${SECRET}`,
  }
  const spoken = `the keys are ${SECRET}, redis-${SECRET}, pg-${SECRET} and bot-${SECRET}`

  it('stand in no line, whatever the gateway says', async () => {
    const answers: ((response: ServerResponse, number: number) => unknown)[] = [
      (response) => json(response, 401, { error: { message: spoken } }),
      (response) => json(response, 400, { error: { message: spoken } }),
      (response) => json(response, 404, { error: { message: spoken } }),
      (response) => sse(response, { error: { message: spoken } }).end(),
      (response) => response.writeHead(500).end(spoken),
      (response) => response.writeHead(418, `teapot ${SECRET}`).end(),
      (response) => sse(response, textChunk(spoken, 'stop'), '[DONE]').end(),
    ]
    for (const answer of answers) {
      const { lines, stderr } = await ask(answer, { ...env, INFER_CLIENT_RETRY_ENABLED: 'false' })
      expect(`${JSON.stringify(lines)}${stderr}`).not.toContain(SECRET)
    }
  })

  it('stand in no result of a tool and no stored message', async () => {
    const read = {
      index: 0,
      id: 'c',
      function: { name: 'Read', arguments: JSON.stringify({ file_path: `${SECRET}.txt` }) },
    }
    await using server = await hostileServer((response, number) => {
      if (number > 1) return sse(response, textChunk('fine', 'stop'), '[DONE]').end()
      return sse(response, {
        choices: [{ index: 0, delta: { tool_calls: [read] }, finish_reason: 'tool_calls' }],
      }).end()
    })
    const args = ['agent', 'hello', '-m', 'a/b', '--session-id', 'mine']
    const { stdout, stderr } = await place.run(args, { env: { ...env, INFER_GATEWAY_URL: server.url } })
    expect(stdout).toContain('there is no file ***.txt')
    expect(`${stdout}${stderr}`).not.toContain(SECRET)
    const shown = JSON.parse((await place.run(['conversations', 'show', 'mine', '--json'])).stdout)
    expect(JSON.stringify(shown.entries.slice(2))).not.toContain(SECRET)
  })

  it('stand in no error of a storage that does not answer', async () => {
    for (const storage of [
      { INFER_STORAGE_TYPE: 'postgres' },
      { INFER_STORAGE_TYPE: 'redis', INFER_STORAGE_REDIS_PORT: '1' },
      { INFER_STORAGE_TYPE: 'redis', INFER_STORAGE_REDIS_URL: `redis://:redis-${SECRET}@127.0.0.1:1/x y` },
      { INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_POSTGRES_URL: `postgres://me:pg-${SECRET}@[/db` },
    ]) {
      const { stdout, stderr, code } = await place.run(['agent', 'hello', '--debug'], { env: { ...env, ...storage } })
      expect(code).not.toBe(0)
      expect(`${stdout}${stderr}`).not.toContain(SECRET)
    }
  })
})
