import type { ChatMessage, ModelClient } from '#gateway/model.ts'
import type { RoomRequest } from './loop.ts'

/** Tokens of a context whose gateway does not tell: what most models of today have at least. */
export const DEFAULT_CONTEXT_WINDOW = 128_000

/** Characters of a token: the usual rule of thumb for English text and code. */
const CHARACTERS_PER_TOKEN = 4
/** How long the gateway may take to list its models, in ms. */
const PATIENCE_MS = 5_000

const known = new WeakMap<ModelClient, Map<string, Promise<number>>>()

/** How many tokens the context of the model holds: asked once for each client and model, else the default. */
export function contextWindowOf(client: ModelClient, model: string, signal: AbortSignal): Promise<number> {
  const models = known.get(client) ?? new Map<string, Promise<number>>()
  known.set(client, models)
  const window = models.get(model) ?? askWindow(client, model, signal)
  models.set(model, window)
  return window
}

async function askWindow(client: ModelClient, model: string, signal: AbortSignal): Promise<number> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
  const told = await client.contextWindow?.(model, until).catch(() => undefined)
  return told ?? DEFAULT_CONTEXT_WINDOW
}

/** Tokens of a prompt: what the gateway has counted, and an estimate of the rest. */
export function promptTokens({ messages, counted }: Pick<RoomRequest, 'messages' | 'counted'>): number {
  const { tokens, messages: covered } = counted ?? { tokens: 0, messages: 0 }
  return tokens + estimateTokens(messages.slice(covered))
}

export function estimateTokens(messages: readonly ChatMessage[]): number {
  const characters = messages.reduce((sum, message) => sum + sizeOf(message), 0)
  return Math.ceil(characters / CHARACTERS_PER_TOKEN)
}

function sizeOf(message: ChatMessage): number {
  const calls = message.role === 'assistant' ? (message.tool_calls ?? []) : []
  return calls.reduce(
    (sum, call) => sum + call.function.name.length + call.function.arguments.length,
    message.content.length,
  )
}
