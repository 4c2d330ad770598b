/**
 * The one seam between the agent and a language model.
 *
 * The agent knows these types and nothing of HTTP; `connectGateway` gives a client that speaks to a real or to the
 * scripted gateway. Tests of the agent may write a ModelClient by hand.
 */

/** A tool call as it travels in an assistant message; `arguments` is the raw JSON text that the model wrote. */
export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

/** A message in the shape of the OpenAI wire format, which is also the shape in which conversations are stored. */
export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string }
  | {
      readonly role: 'assistant'
      readonly content: string
      readonly reasoning_content?: string
      readonly tool_calls?: readonly ToolCall[]
    }
  | { readonly role: 'tool'; readonly content: string; readonly tool_call_id: string }

/** A tool that the model may call; `parameters` is a JSON Schema of an object. */
export interface ToolDefinition {
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/**
 * What happens while a model answers.
 *
 * Order within one attempt: `content` and `reasoning` as they arrive; after the end of the stream the `tool_call`s in
 * the model's order, at most one `usage`, then `finish`, always and last. `warning` may come at any time.
 *
 * `retry` says that the attempt failed and that the next begins after `delayMs`. `reset` follows it when the failed
 * attempt had already yielded a part of the turn: forget every event of this turn, it is coming again from its start.
 */
export type ModelEvent =
  | { readonly type: 'content'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'tool_call'; readonly id: string; readonly name: string; readonly arguments: string }
  | {
      readonly type: 'usage'
      readonly promptTokens: number
      readonly completionTokens: number
      readonly totalTokens: number
    }
  | { readonly type: 'finish'; readonly reason: FinishReason }
  | { readonly type: 'warning'; readonly message: string }
  | {
      readonly type: 'retry'
      /** The attempt that comes next, from 2. */
      readonly attempt: number
      readonly maxAttempts: number
      readonly delayMs: number
      /** The sentence of the failure. */
      readonly reason: string
    }
  | { readonly type: 'reset' }

/** Why the model stopped; gateways invent others, which are passed on as they are. */
export type FinishReason = 'stop' | 'tool_calls' | 'length' | 'content_filter' | (string & {})

/** Requests that no person has made. */
export type Purpose = 'title' | 'summary'

export interface ModelRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly tools: readonly ToolDefinition[]
  /** Most tokens that the answer may have. */
  readonly maxTokens: number
  readonly signal: AbortSignal
  /** What the program asks on its own account, such as a title; sent as the header X-Infer-Purpose. */
  readonly purpose?: Purpose
  /** Called for every sign of life from the gateway, also for those that carry no event (headers, comments). */
  readonly onActivity?: () => void
}

export interface ModelClient {
  /**
   * Asks for one assistant turn. Nothing is sent before the first pull.
   *
   * Leaving the loop early ends the request. Throws a GatewayError, or the signal's reason once it is aborted.
   */
  stream(request: ModelRequest): AsyncIterable<ModelEvent>

  /** The ids of the models that the gateway offers, in its order. Throws as `stream` does. */
  listModels(signal: AbortSignal): Promise<string[]>

  /**
   * How many tokens the context of a model holds, as the gateway's list of models tells; undefined where it does not.
   * Not repeated when it fails. Throws as `stream` does.
   */
  contextWindow?(model: string, signal: AbortSignal): Promise<number | undefined>
}
