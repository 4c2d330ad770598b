import { randomUUID } from 'node:crypto'
import type { ModelEvent } from './model.ts'

/** A tool call as it arrives: the first piece names it, later ones add to the arguments. */
interface ToolCallPiece {
  readonly index?: number
  readonly id?: string
  readonly function?: { readonly name?: string; readonly arguments?: string | object }
}

interface Delta {
  readonly content?: unknown
  readonly reasoning_content?: unknown
  /** What several gateways call reasoning_content. */
  readonly reasoning?: unknown
  readonly tool_calls?: readonly ToolCallPiece[] | null
}

/** A chunk of a stream, or a whole answer: gateways that ignore `stream: true` send `message` instead of `delta`. */
export interface CompletionChunk {
  readonly choices?: readonly {
    readonly delta?: Delta
    readonly message?: Delta
    readonly finish_reason?: string | null
  }[]
  readonly usage?: {
    readonly prompt_tokens?: number
    readonly completion_tokens?: number
    readonly total_tokens?: number
  } | null
}

/** Puts the chunks of one turn together. Tool calls, usage and finish come out at the end, text at once. */
export class TurnAssembly {
  readonly #calls: { id: string; name: string; arguments: string }[] = []
  readonly #slotOfIndex = new Map<number, number>()
  #usage: Extract<ModelEvent, { type: 'usage' }> | undefined
  #finishReason: string | undefined

  get finished(): boolean {
    return this.#finishReason !== undefined
  }

  get hasToolCalls(): boolean {
    return this.#calls.length > 0
  }

  *add(chunk: CompletionChunk): Generator<ModelEvent> {
    if (chunk.usage) this.#keepUsage(chunk.usage)
    const choice = chunk.choices?.[0]
    if (!choice) return
    const delta = choice.delta ?? choice.message ?? {}
    const reasoning = delta.reasoning_content ?? delta.reasoning
    if (typeof reasoning === 'string' && reasoning !== '') yield { type: 'reasoning', text: reasoning }
    if (typeof delta.content === 'string' && delta.content !== '') yield { type: 'content', text: delta.content }
    for (const piece of delta.tool_calls ?? []) this.#addPiece(piece)
    if (choice.finish_reason) this.#finishReason = choice.finish_reason
  }

  *end(): Generator<ModelEvent> {
    for (const call of this.#calls) {
      yield { type: 'tool_call', id: call.id, name: call.name, arguments: call.arguments || '{}' }
    }
    if (this.#usage) yield this.#usage
    yield { type: 'finish', reason: this.#finishReason ?? (this.hasToolCalls ? 'tool_calls' : 'stop') }
  }

  #addPiece(piece: ToolCallPiece): void {
    const call = this.#callOf(piece)
    if (call.name === '' && typeof piece.function?.name === 'string') call.name = piece.function.name
    const args = piece.function?.arguments
    if (typeof args === 'string') call.arguments += args
    else if (args) call.arguments = JSON.stringify(args)
  }

  /**
   * The call that a piece belongs to: by index; where a gateway sends none, or one index for all, a new id opens a
   * new call and a piece without an id continues the last one.
   */
  #callOf(piece: ToolCallPiece) {
    const slot = piece.index === undefined ? this.#calls.length - 1 : this.#slotOfIndex.get(piece.index)
    const open = slot === undefined ? undefined : this.#calls[slot]
    if (open && (!piece.id || piece.id === open.id)) return open
    const call = { id: piece.id || `call_${randomUUID()}`, name: '', arguments: '' }
    this.#calls.push(call)
    if (piece.index !== undefined) this.#slotOfIndex.set(piece.index, this.#calls.length - 1)
    return call
  }

  /** Some gateways repeat the running total in every chunk: the last one counts. */
  #keepUsage(usage: NonNullable<CompletionChunk['usage']>): void {
    const promptTokens = usage.prompt_tokens ?? 0
    const completionTokens = usage.completion_tokens ?? 0
    const totalTokens = usage.total_tokens ?? promptTokens + completionTokens
    this.#usage = { type: 'usage', promptTokens, completionTokens, totalTokens }
  }
}
