import { apiBase } from './gateway-url.ts'
import type { ModelClient } from './model.ts'
import { createOpenAiClient } from './openai-client.ts'
import { type RetryPolicy, withRetries } from './retry.ts'

export interface GatewayOptions {
  /** `gateway.url`; not looked at when `mock` is set. */
  readonly url: string
  /** `gateway.api_key`; empty when the gateway wants none. */
  readonly apiKey: string
  /** How long to wait for the head of an answer, in milliseconds (`gateway.timeout` is in seconds). */
  readonly timeoutMs: number
  /** `gateway.mock`: play scenarios instead of asking a gateway. */
  readonly mock: boolean
  /** `gateway.mock_scenarios`: a file; empty for the built-in ones. */
  readonly mockScenarios: string
  readonly retry: RetryPolicy
  /** See `RetryOptions.failFast`: true for people, false for scheduled runs. */
  readonly failFast: boolean
}

/** A gateway to talk to. Disposing of it stops the scripted gateway; it ends no request to a real one. */
export interface GatewayConnection extends AsyncDisposable {
  readonly client: ModelClient
  /** The address as people know it: without `/v1`. */
  readonly url: string
  readonly scripted: boolean
}

/**
 * Prepares a client with retries, and starts the scripted gateway when that is wanted. Nothing is sent yet: that a
 * gateway is there shows at the first request.
 *
 * Throws E_CONFIG for an address, a key or a scenario file that cannot be used.
 */
export async function connectGateway(options: GatewayOptions): Promise<GatewayConnection> {
  const scripted = options.mock ? await startScripted(options.mockScenarios) : undefined
  const base = scripted?.url ?? options.url
  const url = apiBase(base).replace(/\/v1$/, '')
  // A real key has no business in a scripted gateway.
  const apiKey = scripted ? '' : options.apiKey
  const client = createOpenAiClient({ url: base, apiKey, timeoutMs: options.timeoutMs })
  return {
    client: withRetries(client, { policy: options.retry, url, failFast: options.failFast }),
    url,
    scripted: scripted !== undefined,
    [Symbol.asyncDispose]: async () => {
      await scripted?.close()
    },
  }
}

/** Imported only when wanted: with it comes a server and, for a file, a YAML parser. */
async function startScripted(scenarios: string) {
  const { startScriptedGateway } = await import('./scripted/server.ts')
  return startScriptedGateway(scenarios === '' ? {} : { scenarios })
}
