import { type ErrorCode, InferError } from '#errors.ts'

/**
 * What kind of failure it was, for code that decides what to do next.
 *
 * - `refused`: nobody listens at the address, or the address does not resolve.
 * - `network`: the connection broke. `timeout`: no answer in time. `stalled`: the answer stopped coming.
 * - `broken_stream`: the answer ended before the turn did, or lost a part of it.
 * - `untrusted`: the gateway's certificate is not trusted, is for another name, or has expired.
 * - `wrong_url`: something answers that is no OpenAI-compatible gateway.
 * - `refused_key`, `unknown_model`, `context_full`: what they say; no retry helps.
 * - `status`: any other HTTP status, or an error inside the answer.
 */
export type GatewayFailure =
  | 'refused'
  | 'network'
  | 'timeout'
  | 'stalled'
  | 'broken_stream'
  | 'untrusted'
  | 'wrong_url'
  | 'refused_key'
  | 'unknown_model'
  | 'context_full'
  | 'status'

interface Details {
  readonly hint?: string
  /** The HTTP status, or the one that an error inside the answer stands for. */
  readonly status?: number
  /** What the gateway asked for in Retry-After. */
  readonly retryAfterMs?: number
}

/** A failed request to the gateway. It never carries a `cause`: those of the HTTP client can quote the API key. */
export class GatewayError extends InferError {
  readonly failure: GatewayFailure
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, failure: GatewayFailure, message: string, details: Details = {}) {
    super(code, message, details.hint === undefined ? {} : { hint: details.hint })
    this.failure = failure
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
  }

  /** The same failure, saying that it was the last of several attempts. */
  afterAttempts(attempts: number): GatewayError {
    if (attempts < 2) return this
    return new GatewayError(this.code, this.failure, this.message.replace(/\.?$/, ` (attempt ${attempts}).`), {
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.status === undefined ? {} : { status: this.status }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    })
  }
}

const POINT_ELSEWHERE = 'infer config set gateway.url URL'

export function unreachable(url: string, reason: string): GatewayError {
  return new GatewayError('E_UNREACHABLE', 'refused', `No gateway answers at ${url} (${reason}).`, {
    hint:
      'Start one: docker run -d -p 8080:8080 ghcr.io/inference-gateway/inference-gateway; ' +
      `point elsewhere: ${POINT_ELSEWHERE}; ` +
      'or try without one: INFER_GATEWAY_MOCK=true infer agent "say hello"',
  })
}

export function connectionLost(url: string, reason: string): GatewayError {
  return new GatewayError('E_UNREACHABLE', 'network', `The connection to the gateway at ${url} broke (${reason}).`, {
    hint: `Check the network between here and the gateway, or point elsewhere: ${POINT_ELSEWHERE}`,
  })
}

export function untrusted(url: string, reason: string): GatewayError {
  return new GatewayError(
    'E_UNREACHABLE',
    'untrusted',
    `The certificate of the gateway at ${url} is refused (${reason}).`,
    {
      hint: 'Trust the authority that has signed it: NODE_EXTRA_CA_CERTS=/path/to/ca.pem; or mend the certificate',
    },
  )
}

export function noAnswerInTime(url: string, seconds: number): GatewayError {
  return new GatewayError('E_UNREACHABLE', 'timeout', `The gateway at ${url} did not answer within ${seconds} s.`, {
    hint: 'Allow more time: infer config set gateway.timeout SECONDS',
  })
}

export function stalled(url: string, seconds: number): GatewayError {
  return new GatewayError('E_FAILED', 'stalled', `The gateway at ${url} sent nothing for ${seconds} s.`, {
    hint: 'Allow longer pauses: infer config set client.stall_threshold_sec SECONDS',
  })
}

export function brokenStream(url: string, what: string): GatewayError {
  return new GatewayError('E_FAILED', 'broken_stream', `The answer of the gateway at ${url} ${what}.`, {
    hint: 'Try again; if it stays so, look at the log of the gateway.',
  })
}

export function endlessAnswer(url: string): GatewayError {
  return new GatewayError('E_FAILED', 'status', `The answer of the gateway at ${url} does not end; it was given up.`, {
    hint: 'Look at the log of the gateway: no model answers with so much.',
  })
}

export function wrongUrl(url: string, answer: string): GatewayError {
  const message = `No OpenAI-compatible gateway at ${url} (it answered with ${answer}).`
  return new GatewayError('E_UNREACHABLE', 'wrong_url', message, {
    hint: `Set the address that has /v1/chat/completions below it: ${POINT_ELSEWHERE}`,
  })
}

export function refusedKey(url: string, status: number, said: string, hasKey: boolean): GatewayError {
  const key = hasKey ? 'refused the API key' : 'wants an API key'
  return new GatewayError('E_CONFIG', 'refused_key', `The gateway at ${url} ${key} (${status}${colon(said)}).`, {
    hint: 'Set the key: infer config set gateway.api_key KEY, or the variable INFER_GATEWAY_API_KEY',
    status,
  })
}

export function unknownModel(url: string, model: string, status: number, said: string): GatewayError {
  const message = `The gateway at ${url} does not know the model ${model} (${status}${colon(said)}).`
  return new GatewayError('E_CONFIG', 'unknown_model', message, {
    hint: 'Choose another one: --model NAME, or infer config set agent.model NAME',
    status,
  })
}

export function contextFull(url: string, model: string, status: number, said: string): GatewayError {
  const message = `The conversation no longer fits into the context of ${model} at ${url} (${status}${colon(said)}).`
  return new GatewayError('E_FAILED', 'context_full', message, {
    hint: 'Start a new session, summarise this one (/compact), or lower compact.auto_at',
    status,
  })
}

export function failedStatus(url: string, status: number | undefined, said: string, retryAfterMs?: number) {
  const answer = status === undefined ? `reported an error${colon(said)}` : `answered ${status}${colon(said)}`
  return new GatewayError('E_FAILED', 'status', `The gateway at ${url} ${answer}.`, {
    hint: 'Look at the log of the gateway, or try again later.',
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

function colon(said: string): string {
  return said === '' ? '' : `: ${said}`
}
