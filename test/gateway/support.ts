import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connectGateway, type GatewayConnection } from '#gateway/connect.ts'
import type { ChatMessage, ModelEvent, ModelRequest } from '#gateway/model.ts'
import type { RetryPolicy } from '#gateway/retry.ts'

/** Retries without pauses worth mentioning, and no stall detection. */
export const QUICK: RetryPolicy = {
  enabled: true,
  maxAttempts: 5,
  initialBackoffMs: 1,
  maxBackoffMs: 2,
  backoffMultiplier: 2,
  retryableStatusCodes: [408, 429, 500, 502, 503, 504],
  stallThresholdMs: 0,
}

export const ONCE: RetryPolicy = { ...QUICK, enabled: false }

export function ask(content: string | readonly ChatMessage[], signal = new AbortController().signal): ModelRequest {
  const messages: readonly ChatMessage[] = typeof content === 'string' ? [{ role: 'user', content }] : content
  return { model: 'mock/model', messages, tools: [], maxTokens: 100, signal }
}

export async function collect(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const all: ModelEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** The text that a consumer shows in the end, if it heeds `reset`. */
export function shownText(events: readonly ModelEvent[]): string {
  let text = ''
  for (const event of events) {
    if (event.type === 'reset') text = ''
    if (event.type === 'content') text += event.text
  }
  return text
}

/** A server of the test's own making; every request gets its number, from 1. */
export async function hostileServer(
  answer: (response: ServerResponse, number: number, request: IncomingMessage) => unknown,
): Promise<AsyncDisposable & { url: string; count: () => number }> {
  let number = 0
  const server = createServer((request, response) => {
    number += 1
    const mine = number
    request.resume().on('end', () => {
      Promise.resolve(answer(response, mine, request)).catch(() => response.destroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    count: () => number,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function connect(
  url: string,
  retry: RetryPolicy = ONCE,
  options: { apiKey?: string; failFast?: boolean; timeoutMs?: number } = {},
): Promise<GatewayConnection> {
  return connectGateway({
    url,
    apiKey: '',
    timeoutMs: 10_000,
    mock: false,
    mockScenarios: '',
    failFast: true,
    ...options,
    retry,
  })
}

export function sse(response: ServerResponse, ...data: (object | string)[]): ServerResponse {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const part of data) response.write(`data: ${typeof part === 'string' ? part : JSON.stringify(part)}\n\n`)
  return response
}

export function textChunk(content: string, finish_reason: string | null = null): object {
  return { choices: [{ index: 0, delta: { content }, finish_reason }] }
}
