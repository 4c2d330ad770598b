import type OpenAI from 'openai'
import { InferError } from '#errors.ts'
import { type Asked, classifyRefusal, classifyTransport, isHtml, quote } from './classify-answer.ts'
import { brokenStream, endlessAnswer, GatewayError, noAnswerInTime, wrongUrl } from './gateway-error.ts'
import { apiBase } from './gateway-url.ts'
import { type HttpAnswer, httpFetch } from './http-fetch.ts'
import type { ChatMessage, ModelClient, ModelEvent, ModelRequest } from './model.ts'
import { readServerSentEvents } from './sse.ts'
import { type CompletionChunk, EndlessAnswer, TurnAssembly } from './turn-assembly.ts'

export interface OpenAiClientOptions {
  /** `gateway.url`, with or without `/v1`. */
  readonly url: string
  /** Empty: no Authorization header is sent. */
  readonly apiKey: string
  /** How long to wait for the head of an answer, in milliseconds. */
  readonly timeoutMs: number
}

/**
 * A ModelClient over the official client, one attempt a request: retries belong to `withRetries`.
 *
 * The official client builds and sends the request; the stream is read here, because its own reader cannot tell a
 * complete answer from one that broke off, and dies of one bad frame.
 *
 * A frame that is not JSON is left out with a warning when the turn is text. In a turn with tool calls it fails the
 * attempt: a lost piece could have changed a command.
 *
 * Throws E_CONFIG at once for an address or a key that cannot be sent.
 */
export function createOpenAiClient(options: OpenAiClientOptions): ModelClient {
  const baseURL = apiBase(options.url)
  const apiKey = options.apiKey.trim()
  if (/[^\x21-\x7e]/.test(apiKey)) {
    throw new InferError(
      'E_CONFIG',
      'gateway.api_key has a character that cannot be sent (a space or a line break?).',
      {
        hint: 'Set it again: infer config set gateway.api_key KEY',
      },
    )
  }
  const url = baseURL.replace(/\/v1$/, '')
  let loading: ReturnType<typeof makeClient> | undefined
  async function makeClient() {
    const openai = await import('openai')
    const client = new openai.OpenAI({
      baseURL,
      // The client insists on a key, and takes what is not given here from variables meant for another service.
      apiKey: apiKey || 'none',
      defaultHeaders: apiKey === '' ? { Authorization: null } : {},
      adminAPIKey: null,
      organization: null,
      project: null,
      timeout: options.timeoutMs,
      maxRetries: 0,
      logLevel: 'off',
      fetch: httpFetch as unknown as typeof fetch,
    })
    return { openai, client }
  }
  // Made at the first request: the import takes 33 ms, and most commands never ask a model.
  const load = () => {
    loading ??= makeClient()
    return loading
  }

  /** Sends, and turns every failure into a GatewayError, or into the signal's reason when it was aborted. */
  async function send(
    asked: Asked,
    signal: AbortSignal,
    request: (client: OpenAI) => Promise<Response>,
  ): Promise<HttpAnswer> {
    signal.throwIfAborted()
    const { openai, client } = await load()
    try {
      return (await request(client)) as unknown as HttpAnswer
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof openai.APIConnectionTimeoutError) throw noAnswerInTime(url, options.timeoutMs / 1000)
      if (error instanceof openai.APIError && error.status !== undefined) {
        const target = error.headers?.get('location')
        if (error.status >= 300 && error.status < 400 && target) {
          throw wrongUrl(url, quote(`${error.status}, a redirect to ${target}`, apiKey))
        }
        const body = error.error ?? error.message.replace(/^\d+ (status code \(no body\))?/, '')
        throw classifyRefusal(asked, { status: error.status, error: body, headers: error.headers })
      }
      throw classifyTransport(asked, error, false)
    }
  }

  async function* stream(request: ModelRequest): AsyncGenerator<ModelEvent, void, undefined> {
    const asked: Asked = { url, apiKey, model: request.model }
    const rest = new AbortController()
    const signal = AbortSignal.any([request.signal, rest.signal])
    const onActivity = request.onActivity ?? (() => {})
    const response = await send(asked, signal, (client) =>
      client.chat.completions.create(completionBody(request), { signal, headers: headersOf(request) }).asResponse(),
    )
    onActivity()
    if (isHtml(response.headers)) {
      response.body.destroy()
      throw wrongUrl(url, 'an HTML page')
    }
    try {
      yield* readTurn(response, asked, { onActivity, giveUp: () => rest.abort() })
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof EndlessAnswer) throw endlessAnswer(url)
      throw error instanceof GatewayError ? error : classifyTransport(asked, error, true)
    }
  }

  /** The entries of the gateway's list of models that have an id. */
  async function models(signal: AbortSignal): Promise<ListedModel[]> {
    const asked: Asked = { url, apiKey }
    const response = await send(asked, signal, (client) => client.get('/models', { signal }).asResponse())
    const text = await response.text().catch((error: unknown) => {
      signal.throwIfAborted()
      throw classifyTransport(asked, error, true)
    })
    const body = parseObject(text)
    if (body?.error) throw classifyRefusal(asked, { status: undefined, error: body.error, headers: response.headers })
    if (!Array.isArray(body?.data)) throw wrongUrl(url, isHtml(response.headers) ? 'an HTML page' : 'no list of models')
    return body.data.filter((model: Partial<ListedModel> | null) => typeof model?.id === 'string')
  }

  async function listModels(signal: AbortSignal): Promise<string[]> {
    return (await models(signal)).map(({ id }) => id)
  }

  async function contextWindow(model: string, signal: AbortSignal): Promise<number | undefined> {
    const listed = (await models(signal)).find(({ id }) => id === model)
    return listed === undefined ? undefined : windowOf(listed)
  }

  return { stream, listModels, contextWindow }
}

interface ListedModel extends Readonly<Record<string, unknown>> {
  readonly id: string
}

/** What gateways call the size of the context: the Inference Gateway, OpenRouter, vLLM, LiteLLM, LM Studio. */
const WINDOW_KEYS = ['context_window', 'context_length', 'max_model_len', 'max_input_tokens', 'max_context_length']

function windowOf(model: ListedModel): number | undefined {
  const sizes = WINDOW_KEYS.map((key) => model[key])
  return sizes.find((size): size is number => Number.isInteger(size) && (size as number) > 0)
}

function headersOf({ purpose }: ModelRequest): Record<string, string> {
  return purpose === undefined ? {} : { 'X-Infer-Purpose': purpose }
}

interface Reading {
  readonly onActivity: () => void
  /** Ends the request. */
  readonly giveUp: () => void
}

async function* readTurn(response: HttpAnswer, asked: Asked, reading: Reading): AsyncGenerator<ModelEvent> {
  const turn = new TurnAssembly()
  let parts = 0
  let bad = 0
  let done = false
  const pieces = answerParts(response, reading.onActivity)
  try {
    for (;;) {
      const { value: data, done: ended } = await pieces.next()
      if (ended) break
      parts += 1
      if (data.trim() === '[DONE]') {
        done = true
        break
      }
      const chunk = parseObject(data)
      if (chunk === undefined) {
        bad += 1
        continue
      }
      if (chunk.error)
        throw classifyRefusal(asked, { status: undefined, error: chunk.error, headers: response.headers })
      yield* turn.add(chunk as CompletionChunk)
    }
  } finally {
    if (done) void readRest(pieces, reading.giveUp)
    else await pieces.return(undefined)
  }
  if (parts === 0) throw brokenStream(asked.url, 'held no part of an answer')
  // A gateway may leave out [DONE] or the reason to finish; without both the answer was cut off.
  if (!done && !turn.finished) throw brokenStream(asked.url, 'ended in the middle')
  if (bad > 0 && turn.hasToolCalls) throw brokenStream(asked.url, 'had an unreadable part among its tool calls')
  if (bad > 0) {
    const some = bad === 1 ? 'a part' : `${bad} parts`
    yield { type: 'warning', message: `The gateway sent ${some} of this answer garbled; the text may have a gap.` }
  }
  yield* turn.end()
}

/** How long a gateway may take to end an answer that is complete, in ms. */
const REST_MS = 250

/** Reads what follows [DONE], which is nothing: only so the connection can be used for the next request. */
async function readRest(parts: AsyncIterator<string>, giveUp: () => void): Promise<void> {
  const timer = setTimeout(giveUp, REST_MS)
  try {
    while ((await parts.next()).done !== true);
  } catch {
    // The answer is there; how its connection ends is nobody's concern.
  } finally {
    clearTimeout(timer)
  }
}

/** The data of each event; a plain JSON answer, from a gateway that does not stream, is one part. */
async function* answerParts(response: HttpAnswer, onActivity: () => void): AsyncGenerator<string, void, undefined> {
  if (/^\s*application\/([\w.-]+\+)?json/i.test(response.headers.get('content-type') ?? '')) {
    yield await response.text()
    return
  }
  for await (const event of readServerSentEvents(response.body, onActivity)) {
    const named = event.name === 'error' ? parseObject(event.data) : undefined
    if (event.name !== 'error') yield event.data
    else yield JSON.stringify(named?.error ? named : { error: named ?? event.data })
  }
}

function completionBody(request: ModelRequest) {
  return {
    model: request.model,
    messages: request.messages.map(wireMessage),
    max_tokens: request.maxTokens,
    stream: true as const,
    stream_options: { include_usage: true },
    ...(request.tools.length === 0
      ? {}
      : { tools: request.tools.map((tool) => ({ type: 'function' as const, function: { ...tool } })) }),
  }
}

/** The wire wants mutable arrays and knows no reasoning_content; both are matters of its types only. */
function wireMessage(message: ChatMessage): OpenAI.ChatCompletionMessageParam {
  return message as unknown as OpenAI.ChatCompletionMessageParam
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
