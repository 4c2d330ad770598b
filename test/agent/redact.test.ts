import { describe, expect, it } from 'vitest'
import { type HeadlessOptions, runHeadless } from '#agent/headless.ts'
import { redactError, redactJson, redactor } from '#agent/redact.ts'
import { ToolError } from '#agent/tool.ts'
import { InferError } from '#errors.ts'
import { headlessOptions, memoryStores } from './headless-options.ts'
import { calls, recordedModel, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

const SECRET = 'pa"ss/w0rd'
const redact = redactor([SECRET, SECRET.slice(0, 7), 'short'])

describe('redactor', () => {
  it('replaces values as they stand in texts, JSON and addresses, the longer ones first', () => {
    for (const form of [
      SECRET,
      JSON.stringify(SECRET),
      JSON.stringify(JSON.stringify(SECRET)),
      encodeURIComponent(SECRET),
    ]) {
      const text = redact(`a ${form} b`)
      expect(text).toContain('***')
      expect(text).not.toMatch(/w0rd|ss\b/)
    }
  })

  it('leaves alone what is shorter than six characters', () => {
    expect(redact('a short text')).toBe('a short text')
    expect(redactor(['12345'])('12345')).toBe('12345')
  })

  it('goes through documents, keys included', () => {
    expect(redactJson({ a: [SECRET, 1, null], [SECRET]: { b: SECRET } }, redact)).toEqual({
      a: ['***', 1, null],
      '***': { b: '***' },
    })
  })

  it('keeps the kind and the code of an error, and drops its cause', () => {
    const error = new InferError('E_CONFIG', `no ${SECRET}`, { hint: `try ${SECRET}`, cause: new Error(SECRET) })
    const clean = redactError(error, redact) as InferError
    expect(clean).toBeInstanceOf(InferError)
    expect(clean).toMatchObject({ code: 'E_CONFIG', exitCode: 2, message: 'no ***', hint: 'try ***' })
    expect(`${clean.stack} ${clean.cause}`).not.toContain(SECRET)
    const harmless = new Error('no secret')
    expect(redactError(harmless, redact)).toBe(harmless)
  })
})

describe('a run with a secret in its configuration', () => {
  async function run(more: Partial<HeadlessOptions>) {
    const stores = memoryStores()
    const printed: string[] = []
    const told: string[] = []
    const client = more.client ?? recordedModel(calls(['Test', { n: 1 }]), says('done'))
    const result = await runHeadless(
      headlessOptions({ stores, redact, ...more, client, emit: (line) => printed.push(JSON.stringify(line)) }),
    )
    if ('requests' in client) told.push(JSON.stringify((client as ReturnType<typeof recordedModel>).requests))
    const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
    const stored = await Promise.all(conversations.map(async ({ id }) => await stores.conversations.load(id)))
    const error = result.error as Error | undefined
    return `${printed.join('\n')}\n${told.join('\n')}\n${JSON.stringify(stored)}\n${error?.stack}\n${result.output}`
  }

  const tools: [string, HeadlessOptions['tools']][] = [
    ['its result', () => [testTool(() => ({ data: { nested: [`x ${SECRET} y`], [SECRET]: 1 } }))]],
    ['its failure', () => [testTool(() => Promise.reject(new Error(`cannot connect with ${SECRET}`)))]],
    [
      'its failure with a hint',
      () => [testTool(() => Promise.reject(new InferError('E_FAILED', 'x', { hint: SECRET })))],
    ],
    [
      'its refusal',
      () => [
        testTool(() => ({ data: 1 }), {
          parse: () => {
            throw new ToolError(SECRET)
          },
        }),
      ],
    ],
    ['what ends the run', () => [testTool(() => ({ data: 1, endsRun: SECRET }))]],
    ['what a person said', () => [testTool(() => ({ data: 1, rejected: { feedback: SECRET } }))]],
  ]
  it.each(tools)('shows the model and the store nothing of it when a tool has it in %s', async (_, made) => {
    const all = await run({ tools: made })
    expect(all).toContain('***')
    expect(all).not.toContain(SECRET)
    expect(all).not.toContain(JSON.stringify(SECRET).slice(1, -1))
  })

  const failures: [string, Partial<HeadlessOptions>][] = [
    ['choosing a model', { chooseModel: () => Promise.reject(new Error(SECRET)) }],
    ['reading the task', { task: () => Promise.reject(new InferError('E_NOT_FOUND', SECRET, { hint: SECRET })) }],
    [
      'the gateway',
      {
        client: recordedModel(() => {
          throw new Error(SECRET)
        }),
      },
    ],
    ['the gateway, in a warning', { client: recordedModel([{ type: 'warning', message: SECRET }, ...says('ok')]) }],
    [
      'the gateway, in a retry',
      {
        client: recordedModel([
          { type: 'retry', attempt: 2, maxAttempts: 2, delayMs: 0, reason: SECRET },
          ...says('ok'),
        ]),
      },
    ],
    ['the system prompt', { systemPrompt: () => Promise.reject(new Error(SECRET)) }],
    ['a call that is forbidden', { beforeCall: () => Promise.reject(new Error(SECRET)) }],
    ['an interruption', { signal: AbortSignal.abort(new InferError('E_INTERRUPTED', SECRET)) }],
  ]
  it.each(failures)('prints nothing of it when it is in an error of %s', async (_, options) => {
    const all = await run({ tools: () => [testTool(() => ({ data: 1 }))], ...options })
    expect(all).toContain('***')
    expect(all).not.toContain(SECRET)
    expect(all).not.toContain(JSON.stringify(SECRET).slice(1, -1))
  })
})
