import type { LoopEvent } from '#agent/loop.ts'
import { summariseCall } from '#agent/protocol.ts'
import type { ChatMessage, ToolCall } from '#gateway/model.ts'
import { MarkdownBlocks } from './markdown-blocks.ts'

/** Something that was said or done and changes no more. */
export type TranscriptItem = { readonly id: number } & (
  | { readonly kind: 'user'; readonly text: string }
  /** A block of an answer; `first` is its beginning. */
  | { readonly kind: 'answer'; readonly markdown: string; readonly first: boolean }
  | {
      readonly kind: 'tool'
      readonly summary: string
      readonly call: ToolCall
      readonly end: ToolEnd
      readonly content: string
      readonly durationMs: number
    }
  | { readonly kind: 'shell'; readonly command: string; readonly output: string; readonly failed: boolean }
  | { readonly kind: 'note' | 'warning' | 'error' | 'divider'; readonly text: string }
)

type NewItem = TranscriptItem extends infer T ? (T extends { id: number } ? Omit<T, 'id'> : never) : never

export type ToolEnd = 'result' | 'failed' | 'rejected' | 'blocked'

/** What is happening now. */
export interface LiveTurn {
  /** The block of the answer that streams in. */
  readonly text: string
  /** Whether the model thinks without having said anything yet. */
  readonly reasoning: boolean
  /** Calls without a result yet. */
  readonly calls: readonly ToolCall[]
  /** The command of the person's own that runs. */
  readonly command?: string | undefined
}

/** Tools whose time is that of the person who answers. */
const ASKING: ReadonlySet<string> = new Set(['AskUserQuestion', 'RequestPlanApproval'])
/** Messages of a conversation that is gone on with that are shown. */
const SHOWN_OF_RESUMED = 40
/** Printed items that are kept so that they can be printed again; the terminal has the older ones. */
const KEPT = 500

/**
 * What the chat shows, from the events of the loop: finished items, and the turn that is under way. Finished ones are
 * printed once, above everything that changes.
 */
export class Transcript {
  #items: readonly TranscriptItem[] = []
  #next = 0
  #blocks = new MarkdownBlocks()
  #answering = false
  #reasoning = false
  #calls: readonly ToolCall[] = []
  /** For how many ms calls waited for a person, by their ids. */
  readonly #waits = new Map<string, number>()

  get items(): readonly TranscriptItem[] {
    return this.#items
  }

  get live(): LiveTurn {
    return { text: this.#blocks.open, reasoning: this.#reasoning, calls: this.#calls }
  }

  add(item: NewItem): void {
    this.#items = [...this.#items, { ...item, id: this.#next } as TranscriptItem]
    this.#next += 1
  }

  /** Tells that the items up to this id are on the terminal: only the newest of them are kept. */
  printed(upTo: number): void {
    const kept = this.#next - KEPT
    if ((this.#items[0]?.id ?? kept) < kept) this.#items = this.#items.filter(({ id }) => id >= kept || id > upTo)
  }

  /** Begins anew with the messages of a conversation, the last ones only. */
  show(messages: readonly ChatMessage[]): void {
    const from = Math.max(0, messages.length - SHOWN_OF_RESUMED)
    if (from > 0) this.add({ kind: 'note', text: `… ${from} earlier messages (/export shows all)` })
    const calls = new Map<string, ToolCall>()
    for (const message of messages.slice(from)) {
      if (message.role === 'user') this.add({ kind: 'user', text: message.content })
      if (message.role === 'assistant') {
        this.#answer(message.content)
        for (const call of message.tool_calls ?? []) calls.set(call.id, call)
      }
      const call = message.role === 'tool' ? calls.get(message.tool_call_id) : undefined
      if (message.role === 'tool' && call) this.#tool(call, message.content, endOf(message.content), 0)
    }
  }

  take(event: LoopEvent): void {
    switch (event.type) {
      case 'text':
        this.#reasoning = false
        for (const block of this.#blocks.push(event.text)) this.#block(block)
        break
      case 'reasoning':
        this.#reasoning = true
        break
      case 'reset':
        this.#breakOff('The answer broke off and comes again from its start.')
        break
      case 'retry':
        this.add({
          kind: 'warning',
          text: `${event.reason} Attempt ${event.attempt} of ${event.maxAttempts} follows.`,
        })
        break
      case 'warning':
        this.add({ kind: 'warning', text: event.message })
        break
      case 'compacted':
        this.add({ kind: 'note', text: `${event.summarised} older messages became a summary.` })
        break
      case 'rolled_over':
        this.add({ kind: 'divider', text: `session ${event.newSessionId}, begun with a summary` })
        break
      case 'assistant':
        this.#endAnswer()
        this.#calls = event.message.tool_calls ?? []
        break
      case 'tool':
        this.#calls = this.#calls.filter(({ id }) => id !== event.call.id)
        this.#tool(event.call, event.content, event.outcome.kind, this.#workOf(event))
        break
      case 'end':
    }
  }

  /** Tells for how many ms a call waited for a person: that is no work of its own. */
  waited(callId: string, ms: number): void {
    this.#waits.set(callId, ms)
  }

  /** Ends a turn, however it came: what had streamed in stays. */
  endTurn(): void {
    this.#endAnswer()
    this.#calls = []
    this.#waits.clear()
  }

  #workOf({ call, outcome }: Extract<LoopEvent, { type: 'tool' }>): number {
    if (ASKING.has(call.function.name)) return 0
    return outcome.durationMs - (this.#waits.get(call.id) ?? 0)
  }

  #breakOff(why: string): void {
    const said = this.#answering || this.#blocks.open !== ''
    this.#endAnswer()
    if (said) this.add({ kind: 'note', text: why })
  }

  #endAnswer(): void {
    this.#block(this.#blocks.finish())
    this.#answering = false
    this.#reasoning = false
  }

  #answer(text: string): void {
    for (const block of this.#blocks.push(text)) this.#block(block)
    this.#endAnswer()
  }

  #block(markdown: string): void {
    if (markdown.trim() === '') return
    this.add({ kind: 'answer', markdown, first: !this.#answering })
    this.#answering = true
  }

  #tool(call: ToolCall, content: string, end: ToolEnd, durationMs: number): void {
    this.add({ kind: 'tool', summary: summariseCall(call), call, end, content, durationMs })
  }
}

/** What became of a call, from what the model was told. */
function endOf(content: string): ToolEnd {
  if (content.startsWith('Blocked: ')) return 'blocked'
  if (content.startsWith('Tool execution failed: ')) return 'failed'
  return /^Tool '[^']*' was rejected by the user/.test(content) ? 'rejected' : 'result'
}
