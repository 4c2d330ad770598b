import { GatewayError } from '#gateway/gateway-error.ts'
import type { ChatMessage, ModelClient, ModelEvent, ToolCall } from '#gateway/model.ts'
import type { Authorise } from './approval.ts'
import { inOrder } from './in-order.ts'
import { type Redact, redactJson, redactNothing } from './redact.ts'
import type { AnyTool } from './tool.ts'
import { carryOut, type ToolOutcome, toolMessage } from './tool-call.ts'
import { Turn } from './turn.ts'

export interface TokenUsage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly totalTokens: number
}

/** Why a run ended. */
export type LoopEnd =
  /** The model answered in text alone. */
  | 'answered'
  /** `limits.maxTurns` answers were given. */
  | 'max_turns'
  /** A tool has ended it, such as a stored plan that nobody is there to accept. */
  | 'tool'
  /** The signal was aborted. */
  | 'interrupted'

/** A call with what became of it; `content` is what the model is told. */
export interface ToolDone {
  readonly call: ToolCall
  readonly content: string
  readonly outcome: ToolOutcome
}

/** Older messages became a summary, to make room in the context. */
export interface Compacted {
  readonly type: 'compacted'
  /** How many messages the summary stands for. */
  readonly summarised: number
  /** What the summary took. */
  readonly usage: TokenUsage | undefined
}

/** The session went on in a new conversation that opens with a summary of the old one. */
export interface RolledOver {
  readonly type: 'rolled_over'
  readonly previousSessionId: string
  readonly newSessionId: string
  /** False when the model could not make a summary, and the last words stand in its place. */
  readonly summary: boolean
  readonly usage: TokenUsage | undefined
}

/**
 * What happens in a run.
 *
 * Of each turn: `text` and `reasoning` as they arrive (after `reset` from the start again), then `assistant` with the
 * whole message, then a `tool` for each of its calls, in the order of the calls. The next step begins when the consumer
 * asks for it: what it was told it can store before anything else happens.
 */
export type LoopEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'reset' }
  | Extract<ModelEvent, { type: 'retry' }>
  | { readonly type: 'warning'; readonly message: string }
  | {
      readonly type: 'assistant'
      readonly message: Extract<ChatMessage, { role: 'assistant' }>
      readonly usage: TokenUsage | undefined
    }
  | ({ readonly type: 'tool' } & ToolDone)
  | Compacted
  | RolledOver
  | { readonly type: 'end'; readonly reason: LoopEnd; readonly text: string }

/** How full the context is before a call of the model. */
export interface RoomRequest {
  /** What would be sent, the system prompt first. */
  readonly messages: readonly ChatMessage[]
  /** Tokens that the gateway has counted for the first so many of the messages; undefined before the first answer. */
  readonly counted: { readonly tokens: number; readonly messages: number } | undefined
  /** The gateway has just refused the messages as too long. */
  readonly full: boolean
}

export interface Room {
  /** What is sent instead; undefined when nothing changed. */
  readonly messages: readonly ChatMessage[] | undefined
  readonly event: LoopEvent
}

export interface LoopRequest {
  /** The system prompt and everything said so far, the last user message included. Not changed. */
  readonly messages: readonly ChatMessage[]
  readonly client: ModelClient
  readonly model: string
  readonly tools: readonly AnyTool[]
  readonly signal: AbortSignal
  readonly limits: {
    /** Answers of the model after which the run ends. */
    readonly maxTurns: number
    /** Most tokens of one answer. */
    readonly maxTokens: number
    readonly maxConcurrentTools: number
  }
  readonly authorise: Authorise
  /** Awaited before every call of the model and of a tool; throwing ends the run with that error. */
  readonly beforeCall?: () => Promise<void>
  /**
   * Makes room in the context where that is needed; undefined when it is not. Asked before every call of the model, and
   * once more in a turn whose messages the gateway refused as too long.
   */
  readonly makeRoom?: (request: RoomRequest) => Promise<Room | undefined>
  /** Told of a result whose predecessors still run; its `tool` event comes when they have ended. */
  readonly onEarlyResult?: (done: ToolDone) => Promise<void>
  /** Takes secrets out of everything that a tool returns, before anybody sees it. */
  readonly redact?: Redact
}

/**
 * Runs the agent until the model answers in text, `maxTurns` is reached, a tool ends it, or the signal is aborted.
 * Tool calls of one turn run in parallel. An abort is an event, not an error; every call of the last turn then still
 * gets a result. Throws what the model client and `beforeCall` throw.
 */
export async function* runLoop(request: LoopRequest): AsyncGenerator<LoopEvent, void, undefined> {
  const { model, signal, limits, redact = redactNothing } = request
  const beforeCall = request.beforeCall ?? (async () => {})
  const asked: Asked = { messages: [...request.messages], counted: undefined }
  const tools = new Map(request.tools.map((tool) => [tool.name, tool]))
  const ids = new Set<string>()
  for (let turns = 0; turns < limits.maxTurns; turns += 1) {
    const turn = new Turn()
    try {
      signal.throwIfAborted()
      yield* askWithRoom(request, asked, turn)
    } catch (error) {
      if (turn.content !== '') yield turn.message(ids, { withCalls: false })
      if (!signal.aborted) throw error
      return yield { type: 'end', reason: 'interrupted', text: turn.content }
    }
    const answer = turn.message(ids, { withCalls: true })
    asked.messages.push(answer.message)
    const { usage } = answer
    // The answer is part of the next prompt.
    if (usage) asked.counted = { tokens: usage.totalTokens, messages: asked.messages.length }
    yield answer
    const calls = answer.message.tool_calls ?? []
    if (turn.finish === 'length') yield { type: 'warning', message: cutShort(limits.maxTokens) }
    else if (turn.finish === 'content_filter') yield { type: 'warning', message: FILTERED }
    else if (turn.content === '' && calls.length === 0) yield { type: 'warning', message: `${model} said nothing.` }
    if (calls.length === 0) return yield { type: 'end', reason: 'answered', text: turn.content }

    let endsRun: string | undefined
    const dependencies = { tools, authorise: request.authorise, beforeCall, signal }
    const carry = async (call: ToolCall): Promise<ToolDone> => {
      const outcome = redactJson(await carryOut(call, dependencies), redact)
      return { call, content: toolMessage(call.function.name, outcome), outcome }
    }
    for await (const done of inOrder(calls, limits.maxConcurrentTools, carry, request.onEarlyResult)) {
      asked.messages.push({ role: 'tool', content: done.content, tool_call_id: done.call.id })
      yield { type: 'tool', ...done }
      if (done.outcome.kind === 'result') endsRun ??= done.outcome.endsRun
    }
    if (signal.aborted) return yield { type: 'end', reason: 'interrupted', text: turn.content }
    if (endsRun !== undefined) return yield { type: 'end', reason: 'tool', text: endsRun }
    if (turns + 1 === limits.maxTurns) {
      yield { type: 'warning', message: `Stopped after ${limits.maxTurns} turns (agent.max_turns).` }
      return yield { type: 'end', reason: 'max_turns', text: turn.content }
    }
  }
}

interface Asked {
  messages: ChatMessage[]
  counted: RoomRequest['counted']
}

/** One answer, with room made for it before or, once, when the gateway finds the messages too long. */
async function* askWithRoom(request: LoopRequest, asked: Asked, turn: Turn): AsyncGenerator<LoopEvent> {
  const beforeCall = request.beforeCall ?? (async () => {})
  yield* makeRoom(request, asked, false)
  await beforeCall()
  try {
    yield* askModel(request, asked.messages, turn)
  } catch (error) {
    if (!(error instanceof GatewayError) || error.failure !== 'context_full') throw error
    if (!(yield* makeRoom(request, asked, true))) throw error
    await beforeCall()
    yield* askModel(request, asked.messages, turn)
  }
}

/** Whether the messages have become fewer. */
async function* makeRoom(request: LoopRequest, asked: Asked, full: boolean): AsyncGenerator<LoopEvent, boolean> {
  const room = await request.makeRoom?.({ ...asked, full })
  if (room === undefined) return false
  yield room.event
  if (room.messages === undefined) return false
  asked.messages = [...room.messages]
  asked.counted = undefined
  return true
}

async function* askModel(
  { client, model, tools, signal, limits }: LoopRequest,
  messages: readonly ChatMessage[],
  turn: Turn,
): AsyncGenerator<LoopEvent> {
  const definitions = tools.map(({ name, description, parameters }) => ({ name, description, parameters }))
  const stream = client.stream({ model, messages, tools: definitions, maxTokens: limits.maxTokens, signal })
  for await (const event of stream) {
    turn.take(event)
    switch (event.type) {
      case 'content':
        yield { type: 'text', text: event.text }
        break
      case 'reasoning':
      case 'reset':
      case 'retry':
      case 'warning':
        yield event
    }
  }
}

const FILTERED = 'The answer was cut off by a content filter of the gateway or the model.'

function cutShort(maxTokens: number): string {
  return `The answer was cut off at ${maxTokens} tokens (agent.max_tokens).`
}
