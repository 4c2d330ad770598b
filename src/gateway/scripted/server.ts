import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { BUILTIN_SCENARIOS } from './builtin-scenarios.ts'
import { loadScenarios } from './load-scenarios.ts'
import { SCRIPTED_MODEL } from './model-name.ts'
import { type AskedCompletion, compileLibrary, completionOf, errandOf, framesOf, type PlayedTurn } from './play.ts'
import type { ScenarioLibrary } from './scenario.ts'

/** A chat completion request as it came in, and what was played. */
export interface SeenRequest {
  readonly body: AskedCompletion & Readonly<Record<string, unknown>>
  readonly authorization: string | undefined
  /** Of a request that the program made on its own account: `title` or `summary`. */
  readonly purpose: string | undefined
  readonly scenario: string | undefined
  readonly turn: number
}

export interface ScriptedGateway extends AsyncDisposable {
  /** Without `/v1`. */
  readonly url: string
  /** Every chat completion request so far, in order, those that got an error or a stall included. */
  readonly requests: readonly SeenRequest[]
  /** Breaks off what is running and frees the port. */
  close(): Promise<void>
}

/**
 * Starts an OpenAI-compatible gateway that plays scenarios, on a free port of 127.0.0.1.
 *
 * Routes: `GET /v1/models` and `POST /v1/chat/completions`, streaming or not. How often a turn has failed or stalled is
 * counted for the life of the server; everything else depends on the request alone.
 *
 * A request with the header X-Infer-Purpose (title, summary) is not matched against the scenarios: see `errandOf`.
 *
 * @param options.scenarios a file, or a library; the built-in one when it is not given. Throws E_CONFIG for a bad file.
 * @param options.contextWindow what the list of models tells as `context_window`; nothing when it is not given.
 * @param options.signal closes the gateway when aborted.
 */
export async function startScriptedGateway(
  options: { scenarios?: string | ScenarioLibrary; signal?: AbortSignal; contextWindow?: number } = {},
): Promise<ScriptedGateway> {
  const { scenarios = BUILTIN_SCENARIOS, signal, contextWindow } = options
  signal?.throwIfAborted()
  const library = typeof scenarios === 'string' ? await loadScenarios(scenarios) : scenarios
  const choose = compileLibrary(library)
  const requests: SeenRequest[] = []
  const failures = new Map<string, number>()

  /** Whether this request is one of the first `times` for the turn. */
  function isDue(kind: string, played: PlayedTurn, times: number | undefined): boolean {
    if (times === undefined) return false
    const key = JSON.stringify([kind, played.scenario, played.number])
    const before = failures.get(key) ?? 0
    if (times >= 0 && before >= times) return false
    failures.set(key, before + 1)
    return true
  }

  async function complete(request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> {
    const body = await readJson(request)
    if (body === undefined) return sendJson(response, 400, { error: { message: 'the body is no JSON object' } })
    const purpose = request.headers['x-infer-purpose']
    const played = typeof purpose === 'string' ? errandOf(library, purpose, body) : choose(body)
    requests.push({
      body,
      authorization: request.headers.authorization,
      purpose: typeof purpose === 'string' ? purpose : undefined,
      scenario: played.scenario,
      turn: played.number,
    })
    const { turn } = played
    if (turn.error && isDue('error', played, turn.error.times)) {
      return sendJson(response, turn.error.status, { error: { message: 'a scripted error', type: 'scripted' } })
    }
    const stall = isDue('stall', played, turn.stall?.times)
    if (stall && turn.stall?.connect) return
    const model = body.model ?? SCRIPTED_MODEL
    if (!body.stream) {
      if (stall) return
      await pause(turn.delay_ms, gone)
      return sendJson(response, 200, completionOf(played, model))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    for (const frame of framesOf(played, model)) {
      await pause(turn.delay_ms, gone)
      await write(response, `data: ${typeof frame === 'string' ? frame : JSON.stringify(frame)}\n\n`, gone)
      if (stall) return
    }
    response.end('data: [DONE]\n\n')
  }

  const server = createServer((request, response) => {
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const route = `${request.method} ${request.url?.split('?')[0]}`
    if (route === 'GET /v1/models') {
      const size = contextWindow === undefined ? {} : { context_window: contextWindow }
      const model = { id: SCRIPTED_MODEL, object: 'model', created: 0, owned_by: 'mock', ...size }
      sendJson(response, 200, { object: 'list', data: [model] })
    } else if (route === 'POST /v1/chat/completions') {
      // It fails only when the client has gone, and then nobody is left to tell.
      complete(request, response, gone.signal).catch(() => response.destroy())
    } else {
      sendJson(response, 404, { error: { message: `no route ${route}` } })
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })

  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= new Promise<void>((resolve) => {
      signal?.removeEventListener('abort', abort)
      server.close(() => resolve())
      server.closeAllConnections()
    })
    return closing
  }
  const abort = () => void close()
  signal?.addEventListener('abort', abort, { once: true })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, requests, close, [Symbol.asyncDispose]: close }
}

async function readJson(request: IncomingMessage): Promise<SeenRequest['body'] | undefined> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  try {
    const body: unknown = JSON.parse(Buffer.concat(pieces).toString('utf8'))
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as SeenRequest['body']) : undefined
  } catch {
    return undefined
  }
}

async function pause(ms: number | undefined, gone: AbortSignal): Promise<void> {
  if (ms) await delay(ms, undefined, { signal: gone })
}

/** Writes, and waits until the reader has caught up. */
async function write(response: ServerResponse, text: string, gone: AbortSignal): Promise<void> {
  gone.throwIfAborted()
  if (response.write(text)) return
  await new Promise<void>((resolve) => {
    response.once('drain', resolve)
    gone.addEventListener('abort', () => resolve(), { once: true })
  })
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
