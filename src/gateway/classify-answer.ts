import {
  connectionLost,
  contextFull,
  failedStatus,
  type GatewayError,
  refusedKey,
  unknownModel,
  unreachable,
  untrusted,
  wrongUrl,
} from './gateway-error.ts'

/** What the sentences need to know about the request that failed. */
export interface Asked {
  /** The gateway's address as people know it, without `/v1`. */
  readonly url: string
  readonly apiKey: string
  /** Unset for requests that name no model. */
  readonly model?: string
}

/** A refusal, as far as it could be read: by HTTP status, or by an error inside an answer with status 200. */
export interface Refusal {
  readonly status: number | undefined
  /** The value of `error` in the body, or the body's text. */
  readonly error: unknown
  readonly headers?: Pick<Headers, 'get'> | undefined
}

const MAX_QUOTE = 300
/** Anthropic, Bedrock, OpenAI, llama.cpp; then Google, xAI, Groq, Moonshot, Zhipu. */
const CONTEXT_FULL = new RegExp(
  [
    'context[ _](length|window|size|limit)|maximum context|prompt is too long|input is too long',
    'too many (input )?tokens|input token count.*exceeds|maximum prompt length|reduce the length of the messages',
    'exceeded model token limit|prompt exceeds max',
  ].join('|'),
  'i',
)
const UNKNOWN_MODEL =
  /model\b.*(not found|does not exist|doesn't exist|unknown|not available)|(unknown|invalid|no such) model/is

/** Finds the sentence for a refusal. The gateway's own words are quoted: one line, cut, without the key. */
export function classifyRefusal(asked: Asked, refusal: Refusal): GatewayError {
  const { words, code, type } = readError(refusal.error)
  const status = refusal.status ?? statusOfError(code, type)
  const said = quote(words, asked.apiKey)
  if (status === 401 || status === 403) return refusedKey(asked.url, status, said, asked.apiKey !== '')
  if (asked.model !== undefined) {
    const shown = status ?? 200
    if (code === 'context_length_exceeded' || status === 413 || (isClientError(status) && CONTEXT_FULL.test(words))) {
      return contextFull(asked.url, asked.model, shown, said)
    }
    if (code === 'model_not_found' || (isClientError(status) && UNKNOWN_MODEL.test(words))) {
      return unknownModel(asked.url, asked.model, shown, said)
    }
  }
  if (refusal.status === 404 || refusal.status === 405) {
    return wrongUrl(asked.url, isHtml(refusal.headers) ? `${refusal.status}, an HTML page` : `${refusal.status}`)
  }
  return failedStatus(
    asked.url,
    status,
    isHtml(refusal.headers) ? 'an HTML page' : said,
    retryAfter(refusal.headers?.get('retry-after') ?? undefined, Date.now()),
  )
}

/** Codes of Node's TLS for a certificate that is refused: no retry mends it. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)/

/** The sentence for a request that got no answer, or whose connection broke while one came. */
export function classifyTransport(asked: Asked, error: unknown, answering: boolean): GatewayError {
  const code = systemCode(error)
  if (!answering && code === 'ECONNREFUSED') return unreachable(asked.url, 'connection refused')
  if (!answering && (code === 'ENOTFOUND' || code === 'EAI_AGAIN')) return unreachable(asked.url, 'address not found')
  if (code !== undefined && CERTIFICATE.test(code)) return untrusted(asked.url, code)
  const words = code ?? rootMessage(error)
  return connectionLost(asked.url, quote(words, asked.apiKey))
}

export function isHtml(headers: Pick<Headers, 'get'> | undefined): boolean {
  return /^\s*(text\/html|application\/xhtml)/i.test(headers?.get('content-type') ?? '')
}

/** Milliseconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), if it can be read. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return seconds < 0 ? undefined : seconds * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

function readError(error: unknown): { words: string; code: string | number | undefined; type: string | undefined } {
  if (typeof error === 'string') return { words: error, code: undefined, type: undefined }
  if (typeof error !== 'object' || error === null) return { words: '', code: undefined, type: undefined }
  const { message, code, type } = error as { message?: unknown; code?: unknown; type?: unknown }
  return {
    words: typeof message === 'string' ? message : JSON.stringify(message ?? error),
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    type: typeof type === 'string' ? type : undefined,
  }
}

/** The HTTP status that an error inside a stream stands for, where gateways have agreed on a name. */
function statusOfError(code: string | number | undefined, type: string | undefined): number | undefined {
  const number = Number(code)
  if (Number.isInteger(number) && number >= 400 && number < 600) return number
  const names = `${code ?? ''} ${type ?? ''}`
  if (/rate_limit|too_many_requests/.test(names)) return 429
  if (/overloaded|unavailable/.test(names)) return 503
  if (/server_error|internal_error|api_error/.test(names)) return 500
  if (/authentication|invalid_api_key/.test(names)) return 401
  return /invalid_request/.test(names) ? 400 : undefined
}

function isClientError(status: number | undefined): boolean {
  return status === undefined || (status >= 400 && status < 500 && status !== 429)
}

/** One line of a gateway's words, cut, without the key and a final full stop. */
export function quote(words: string, apiKey: string): string {
  const hidden = apiKey === '' ? words : words.replaceAll(apiKey, '***')
  const line = hidden.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  const cut = line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}…` : line
  return cut.replace(/\.+$/, '')
}

/** The words of the first cause: the official client's own are "Connection error". */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? rootMessage(error.cause) : error.message
}

/** The system's error code, from wherever fetch has put it. */
function systemCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code
  }
  return undefined
}
