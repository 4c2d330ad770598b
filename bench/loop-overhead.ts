import OpenAI from 'openai'
import { authoriseBy } from '#agent/approval.ts'
import { converse } from '#agent/converse.ts'
import { openSession } from '#agent/open-session.ts'
import { connectGateway } from '#gateway/connect.ts'
import { startScriptedGateway } from '#gateway/scripted/server.ts'
import { type Figure, ratioRow } from './figure.ts'
import { inTurn } from './measure.ts'
import { makePlace } from './places.ts'

const LIMIT = 1.3
const ROUNDS = 151
const MODEL = 'mock/model'
const ANSWER = 'A short answer that comes in several pieces, as answers of a model do. '.repeat(4)

/**
 * One turn of text: question stored, prompt made, answer streamed, assembled and stored, against the same question
 * streamed by the client library alone from the same server. The store is memory, so that the disk is not in it. Every
 * round is a conversation of its own; both sides send and receive the same.
 */
export const loopOverhead: Figure = {
  name: 'loop-overhead',
  description: 'one turn of the agent, against the same streaming call of the openai client alone',
  target: `at most ${LIMIT}x`,
  async run() {
    const scenario = { name: 'answer', match: '^question', turns: [{ content: ANSWER }] }
    await using server = await startScriptedGateway({ scenarios: { scenarios: [scenario] } })
    await using place = await makePlace('memory')
    const stores = await place.open()
    await using gateway = await connectGateway({
      url: server.url,
      apiKey: '',
      timeoutMs: 10_000,
      mock: false,
      mockScenarios: '',
      failFast: true,
      retry: {
        enabled: true,
        maxAttempts: 5,
        initialBackoffMs: 5_000,
        maxBackoffMs: 60_000,
        backoffMultiplier: 2,
        retryableStatusCodes: [500],
        stallThresholdMs: 30_000,
      },
    })
    const bare = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const { signal } = new AbortController()
    const now = () => new Date()
    const prices = { currency: 'USD', perMillion: {} }

    async function ours(): Promise<void> {
      const opened = await openSession({
        conversations: stores.conversations,
        sessionGroups: stores.sessionGroups,
        asked: undefined,
        save: true,
        model: MODEL,
        prices,
        now,
        retryForMs: 0,
        signal,
        warn: () => {},
      })
      await opened.session.addUser('question')
      await converse(opened, {
        client: gateway.client,
        model: MODEL,
        signal,
        tools: () => [],
        systemPrompt: async () => 'system',
        authorise: authoriseBy({ mode: 'auto', behaviour: 'prompt' }),
        limits: { maxTurns: 5, maxTokens: 100, maxConcurrentTools: 5 },
        onEvent: () => {},
        now,
      })
      expectAnswer(opened.session.messages.at(-1)?.content)
    }
    async function yardstick(): Promise<void> {
      const stream = await bare.chat.completions.create({
        model: MODEL,
        messages: [
          { role: 'system', content: 'system' },
          { role: 'user', content: 'question' },
        ],
        max_tokens: 100,
        stream: true,
        stream_options: { include_usage: true },
      })
      let text = ''
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
      expectAnswer(text)
    }
    const medians = await inTurn(ROUNDS, { ours, yardstick })
    return [ratioRow({ what: 'a turn', backend: 'memory', ...medians }, LIMIT)]
  },
}

function expectAnswer(text: string | undefined): void {
  if (text !== ANSWER) throw new Error('the answer is not the one that the gateway plays')
}
