import { describe, expect, test } from 'vitest'
import { BUILTIN_SCENARIOS } from '#gateway/scripted/builtin-scenarios.ts'
import { compileLibrary } from '#gateway/scripted/play.ts'
import type { ScenarioLibrary } from '#gateway/scripted/scenario.ts'
import { type ScriptedGateway, startScriptedGateway } from '#gateway/scripted/server.ts'

const user = (content: unknown) => ({ role: 'user', content })
const assistant = { role: 'assistant', content: 'x' }

function post(gateway: ScriptedGateway, body: object): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) })
}

describe('which turn is played', () => {
  const library: ScenarioLibrary = {
    fallback: { content: 'fallback' },
    scenarios: [
      { name: 'first', match: '(?i)alpha', turns: [{ content: 'one' }, { content: 'two' }] },
      { name: 'second', match: 'alpha|beta', turns: [{ content: 'three' }] },
    ],
  }
  const choose = compileLibrary(library)
  test.each([
    ['the first that matches', [user('ALPHA')], 'one'],
    ['only the last user message counts', [user('alpha'), assistant, user('beta')], 'three'],
    ['turns count from that message', [user('beta'), assistant, assistant, user('alpha'), assistant], 'two'],
    ['tool results do not count', [user('alpha'), assistant, { role: 'tool', content: 'alpha' }], 'two'],
    ['used up', [user('alpha'), assistant, assistant], 'fallback'],
    ['no match', [user('gamma')], 'fallback'],
    ['no user message', [assistant], 'fallback'],
    [
      'text in parts',
      [
        user([
          { type: 'text', text: 'be' },
          { type: 'text', text: 'ta' },
        ]),
      ],
      'three',
    ],
    [
      'a reminder is no user message',
      [user('alpha'), assistant, user('<system-reminder>beta</system-reminder>')],
      'two',
    ],
  ])('%s', (_, messages, content) => {
    expect(choose({ messages }).turn.content).toBe(content)
  })
})

test('expand fills groups in, deep, and only where it is asked for', () => {
  const turns = [{ content: '$1 $9 $$1 $0', tool_calls: [{ name: 'X', args: { a: ['$2', { b: '$1' }], n: 1 } }] }]
  const match = '(\\w+) (\\w+)( no)?'
  const on = compileLibrary({ scenarios: [{ name: 'x', match, expand: true, turns }] })
  const off = compileLibrary({ scenarios: [{ name: 'x', match, turns }] })
  const request = { messages: [user('say $1')].concat(user('say hi')) }
  expect(on(request).turn).toEqual({
    content: 'say  $1 say hi',
    tool_calls: [{ name: 'X', args: { a: ['hi', { b: 'say' }], n: 1 } }],
  })
  expect(off(request).turn).toBe(turns[0])
})

describe('the built-in library', () => {
  const choose = compileLibrary(BUILTIN_SCENARIOS)
  const callOf = (text: string) => choose({ messages: [user(text)] }).turn.tool_calls?.[0]

  test.each([
    ['every 2 seconds, say hello', '@every 2s', 'say hello'],
    ['Every 5 minutes check the build\nand tell me', '@every 5m', 'check the build\nand tell me'],
    ['please every 1h, look at the queue', '@every 1h', 'look at the queue'],
    ['every day at 07:30, sum up my mail', '30 7 * * *', 'sum up my mail'],
    ['every morning, sum up my mail', '0 9 * * *', 'sum up my mail'],
  ])('%j makes a job', (text, cron_expression, prompt) => {
    expect(callOf(text)).toMatchObject({
      name: 'Schedule',
      args: { operation: 'create', cron_expression, prompt, name: prompt.split('\n')[0] },
    })
  })

  test('months are no minutes', () => {
    expect(callOf('every 2 months, say hello')).toBeUndefined()
  })

  test('a long prompt makes a short name', () => {
    expect(callOf(`every 2s ${'x'.repeat(100)}`)?.args).toMatchObject({ name: 'x'.repeat(40), prompt: 'x'.repeat(100) })
  })

  test.each([
    ['plan the move to a new server', 'the move to a new server'],
    ['Make a plan to rename the module', 'rename the module'],
    ['plan: tidy up', 'tidy up'],
  ])('%j makes a plan', (text, title) => {
    expect(callOf(text)).toMatchObject({
      name: 'RequestPlanApproval',
      args: { title, plan: expect.stringContaining(`## Goal\n\n${title}\n`) },
    })
  })

  test('names are unique', () => {
    const names = BUILTIN_SCENARIOS.scenarios.map((scenario) => scenario.name)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('over HTTP', () => {
  test('lists one model', async () => {
    await using gateway = await startScriptedGateway()
    const body = await (await fetch(`${gateway.url}/v1/models`)).json()
    expect(body).toMatchObject({ object: 'list', data: [{ id: 'mock/model', object: 'model' }] })
  })

  test('a stream has fragments of chunk_size characters, usage and [DONE]', async () => {
    await using gateway = await startScriptedGateway({
      scenarios: { scenarios: [{ name: 'x', match: 'hi', turns: [{ content: '👋👋👋👋👋', chunk_size: 2 }] }] },
    })
    const response = await post(gateway, { model: 'm', stream: true, messages: [user('hi')] })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const frames = (await response.text()).split('\n\n').filter(Boolean)
    expect(frames.at(-1)).toBe('data: [DONE]')
    const chunks = frames.slice(0, -1).map((frame) => JSON.parse(frame.slice('data: '.length)))
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean)).toEqual(['👋👋', '👋👋', '👋'])
    expect(chunks.at(-1).usage).toEqual({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 })
  })

  test('without stream the turn is one JSON answer', async () => {
    await using gateway = await startScriptedGateway()
    const messages = [user('run the echo command')]
    expect(await (await post(gateway, { model: 'm', messages })).json()).toMatchObject({
      object: 'chat.completion',
      model: 'm',
      choices: [
        {
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            tool_calls: [
              {
                id: 'call_0_0',
                type: 'function',
                function: { name: 'Bash', arguments: '{"command":"echo hello-from-bash"}' },
              },
            ],
          },
        },
      ],
    })
    expect(gateway.requests).toEqual([
      { body: { model: 'm', messages }, authorization: undefined, scenario: 'shell-allowed', turn: 0 },
    ])
  })

  test('errors are counted a turn, then the turn is played', async () => {
    await using gateway = await startScriptedGateway()
    const statuses: number[] = []
    for (let request = 0; request < 4; request += 1) {
      const response = await post(gateway, { messages: [user('flaky backend')] })
      statuses.push(response.status)
      await response.body?.cancel()
    }
    expect(statuses).toEqual([429, 429, 200, 200])
  })

  test('what it does not know is refused', async () => {
    await using gateway = await startScriptedGateway()
    expect((await fetch(`${gateway.url}/v2/other`)).status).toBe(404)
    const bad = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: 'no json' })
    expect(bad.status).toBe(400)
  })

  test('closing breaks off a stalled answer; so does the signal', async () => {
    const stop = new AbortController()
    const bySignal = await startScriptedGateway({ signal: stop.signal })
    const byClose = await startScriptedGateway()
    for (const [gateway, end] of [
      [bySignal, () => stop.abort()],
      [byClose, () => byClose.close()],
    ] as const) {
      const response = await post(gateway, { stream: true, messages: [user('stalled stream')] })
      const reading = response.text()
      void end()
      await expect(reading).rejects.toThrow()
      await gateway.close()
      await expect(fetch(`${gateway.url}/v1/models`)).rejects.toThrow()
    }
  })
})

describe('a request that the program makes on its own account', () => {
  const ask = async (gateway: ScriptedGateway, purpose: string) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'x-infer-purpose': purpose },
      body: JSON.stringify({ messages: [user('user:\nalways fails, one two three four five six seven')] }),
    })
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
    return choices[0]?.message.content
  }

  test('gets the first words of what it tells, whatever the scenarios match', async () => {
    await using gateway = await startScriptedGateway()
    expect(await ask(gateway, 'title')).toBe('always fails, one two three four')
    expect(await ask(gateway, 'summary')).toBe('In short: always fails, one two three four five six seven')
    expect(gateway.requests.map(({ purpose, scenario }) => [purpose, scenario])).toEqual([
      ['title', undefined],
      ['summary', undefined],
    ])
  })

  test('gets what the scenario of its name says', async () => {
    const scenarios = [{ name: 'infer-title', match: 'never', turns: [{ content: 'My title' }] }]
    await using gateway = await startScriptedGateway({ scenarios: { scenarios } })
    expect(await ask(gateway, 'title')).toBe('My title')
  })
})
