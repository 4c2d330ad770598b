import { randomUUID } from 'node:crypto'
import type { ModelEvent } from './model.ts'

/** A tool call as it arrives: the first piece names it, later ones add to the arguments. */
interface ToolCallPiece {
  readonly index?: number
  readonly id?: unknown
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null
}

interface Delta {
  readonly content?: unknown
  readonly reasoning_content?: unknown
  /** What several gateways call reasoning_content. */
  readonly reasoning?: unknown
  readonly tool_calls?: unknown
}

/** A chunk of a stream, or a whole answer: gateways that ignore `stream: true` send `message` instead of `delta`. */
export interface CompletionChunk {
  readonly choices?: readonly {
    readonly delta?: Delta
    readonly message?: Delta
    readonly finish_reason?: unknown
  }[]
  readonly usage?: {
    readonly prompt_tokens?: unknown
    readonly completion_tokens?: unknown
    readonly total_tokens?: unknown
  } | null
}

/** More characters than any model answers with; what goes on past them would fill the memory. */
export const MAX_TURN = 8 * 1024 * 1024

/** The answer went on past MAX_TURN. */
export class EndlessAnswer extends Error {
  override readonly name = 'EndlessAnswer'
}

/** Puts the chunks of one turn together. Tool calls, usage and finish come out at the end, text at once. */
export class TurnAssembly {
  readonly #calls: { id: string; name: string; arguments: string }[] = []
  readonly #slotOfIndex = new Map<number, number>()
  #usage: Extract<ModelEvent, { type: 'usage' }> | undefined
  #finishReason: string | undefined
  #length = 0

  get finished(): boolean {
    return this.#finishReason !== undefined
  }

  get hasToolCalls(): boolean {
    return this.#calls.length > 0
  }

  /** What is not of the expected type is passed over. Throws an EndlessAnswer. */
  *add(chunk: CompletionChunk): Generator<ModelEvent> {
    if (chunk.usage) this.#keepUsage(chunk.usage)
    const choice = chunk.choices?.[0]
    if (!choice) return
    const delta = choice.delta ?? choice.message ?? {}
    const reasoning = delta.reasoning_content ?? delta.reasoning
    if (typeof reasoning === 'string' && reasoning !== '') yield { type: 'reasoning', text: this.#counted(reasoning) }
    const { content } = delta
    if (typeof content === 'string' && content !== '') yield { type: 'content', text: this.#counted(content) }
    const pieces: readonly unknown[] = Array.isArray(delta.tool_calls) ? delta.tool_calls : []
    for (const piece of pieces) if (typeof piece === 'object' && piece !== null) this.#addPiece(piece)
    if (choice.finish_reason) this.#finishReason = String(choice.finish_reason)
  }

  *end(): Generator<ModelEvent> {
    for (const call of this.#calls) {
      yield {
        type: 'tool_call',
        id: call.id || `call_${randomUUID()}`,
        name: call.name,
        arguments: call.arguments || '{}',
      }
    }
    if (this.#usage) yield this.#usage
    yield { type: 'finish', reason: this.#finishReason ?? (this.hasToolCalls ? 'tool_calls' : 'stop') }
  }

  #addPiece(piece: ToolCallPiece): void {
    const call = this.#callOf(piece)
    if (call.name === '' && typeof piece.function?.name === 'string') call.name = piece.function.name
    const args = piece.function?.arguments
    if (typeof args === 'string') call.arguments += this.#counted(args)
    else if (args) call.arguments = JSON.stringify(args)
  }

  #counted(text: string): string {
    this.#length += text.length
    if (this.#length > MAX_TURN) throw new EndlessAnswer()
    return text
  }

  /**
   * The call that a piece belongs to: by index; where a gateway sends none, or one index for all, a new id opens a
   * new call and a piece without an id continues the last one. A call that began without an id and a name gets them
   * from a later piece.
   */
  #callOf(piece: ToolCallPiece) {
    const slot = piece.index === undefined ? this.#calls.length - 1 : this.#slotOfIndex.get(piece.index)
    const open = slot === undefined ? undefined : this.#calls[slot]
    const id = typeof piece.id === 'number' ? String(piece.id) : typeof piece.id === 'string' ? piece.id : ''
    if (open && (id === '' || id === open.id)) return open
    if (open && open.id === '' && open.name === '') {
      open.id = id
      return open
    }
    const call = { id, name: '', arguments: '' }
    this.#calls.push(call)
    if (piece.index !== undefined) this.#slotOfIndex.set(piece.index, this.#calls.length - 1)
    return call
  }

  /** Some gateways repeat the running total in every chunk: the last one counts. */
  #keepUsage(usage: NonNullable<CompletionChunk['usage']>): void {
    const promptTokens = countOf(usage.prompt_tokens) ?? 0
    const completionTokens = countOf(usage.completion_tokens) ?? 0
    const totalTokens = countOf(usage.total_tokens) ?? promptTokens + completionTokens
    this.#usage = { type: 'usage', promptTokens, completionTokens, totalTokens }
  }
}

/** A number of tokens; undefined for what can be none. */
function countOf(value: unknown): number | undefined {
  const count = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}
