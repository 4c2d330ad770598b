import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { InferError } from '#errors.ts'
import type { ChatMessage, ToolCall } from '#gateway/model.ts'
import type {
  Conversation,
  ConversationDetails,
  ConversationEntry,
  ConversationStorage,
} from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { cleanText } from './clean-text.ts'
import { earlyResults, withEarlyResults } from './early-results.ts'
import type { TokenUsage } from './loop.ts'
import { messagesOf } from './messages.ts'
import type { Prices } from './pricing.ts'
import { detailsOf, freshDetails, titleOf, withRequest } from './session-details.ts'
import { executionRecord, type ToolOutcome } from './tool-call.ts'

export interface SessionOptions {
  readonly conversations: ConversationStorage
  /** False with `--no-save`: what is stored is read, nothing is written. */
  readonly save: boolean
  readonly model: string
  readonly prices: Prices
  readonly now: () => Date
  /** For how many ms a write is repeated while the store does not answer. */
  readonly retryForMs: number
  /** Ends the repetitions. */
  readonly signal: AbortSignal
}

/** Pause between two attempts to write. */
const RETRY_MS = 500

/**
 * A conversation that one agent is adding to. Each message is stored when it is told, before anything else happens, so
 * that after a kill everything that was said is there. Writes happen one after the other.
 */
export class Session {
  readonly id: string
  readonly #options: SessionOptions
  #messages: ChatMessage[]
  #details: ConversationDetails
  #length: number
  /** Results that a killed run had before those of earlier calls; stored in their place with the next message. */
  #recovered: ConversationEntry[]
  /** Results that wait for those of earlier calls. */
  #early: ConversationEntry[] = []
  #queue: Promise<unknown> = Promise.resolve()

  constructor(id: string, stored: Pick<Conversation, 'metadata' | 'entries'> | undefined, options: SessionOptions) {
    this.id = id
    this.#options = options
    const entries = stored?.entries ?? []
    const details =
      stored === undefined ? freshDetails(options.now(), options.model, options.prices) : detailsOf(stored.metadata)
    this.#recovered = earlyResults(details, entries)
    this.#messages = messagesOf([...entries, ...this.#recovered])
    this.#length = entries.length
    this.#details = withEarlyResults(details, [])
  }

  /** How many messages are stored. */
  get length(): number {
    return this.#length
  }

  /** Everything said so far, for the model; without a system prompt. */
  get messages(): readonly ChatMessage[] {
    return this.#messages
  }

  /** When it was last added to. */
  get updatedAt(): Date {
    return this.#details.updatedAt
  }

  /** Tokens of the last prompt, 0 when they are not known. */
  get contextTokens(): number {
    return this.#details.tokenStats.lastInputTokens
  }

  /** Tokens and cost of everything so far, in the currency of the prices. */
  get spent(): { readonly tokens: number; readonly cost: number; readonly currency: string } {
    const { tokenStats, costStats } = this.#details
    return { tokens: tokenStats.totalTokens, cost: costStats.totalCost, currency: costStats.currency }
  }

  /** Whether it is stored and waits for a title that a model has found. */
  get needsTitle(): boolean {
    return this.#options.save && this.#length > 0 && !this.#details.titleGenerated
  }

  async addUser(content: string): Promise<void> {
    const text = cleanText(content)
    const message = { role: 'user' as const, content: text }
    if (this.#details.title === '') this.#details = { ...this.#details, title: titleOf(text) }
    await this.#add(message, { message: { content: text, role: 'user' }, time: this.#time() })
  }

  async addAssistant(message: Extract<ChatMessage, { role: 'assistant' }>, usage: TokenUsage | undefined) {
    const { model } = this.#options
    const { content, reasoning_content, tool_calls } = message
    this.countRequest(model, usage)
    this.#details = { ...this.#details, model }
    this.#setContextTokens(usage?.promptTokens ?? 0)
    await this.#add(message, {
      message: {
        content,
        role: 'assistant',
        ...(tool_calls === undefined ? {} : { tool_calls: tool_calls.map(callDocument) }),
      },
      model,
      time: this.#time(),
      ...(reasoning_content === undefined ? {} : { reasoning_content }),
    })
  }

  async addTool(call: ToolCall, content: string, outcome: ToolOutcome): Promise<void> {
    const message = { role: 'tool' as const, content, tool_call_id: call.id }
    const entry = this.#early.find((one) => one.message.tool_call_id === call.id)
    await this.#add(message, entry ?? this.#toolEntry(call, content, outcome))
  }

  /**
   * Keeps the result of a call whose predecessors still run, so that a kill does not lose it. It takes its place in
   * the conversation with `addTool`, or when the session is opened again. That it could not be kept is no error.
   */
  async keepEarly(call: ToolCall, content: string, outcome: ToolOutcome): Promise<void> {
    const entry = this.#toolEntry(call, content, outcome)
    await this.#inTurn(async () => {
      const { conversations, save } = this.#options
      if (!save || this.#messages.some((one) => one.role === 'tool' && one.tool_call_id === call.id)) return
      this.#early.push(entry)
      const { extra } = withEarlyResults(this.#details, this.#early)
      await conversations.updateMetadata(this.id, { extra }).catch(() => {})
    })
  }

  /** Counts a request that was made about the conversation; stored with the next message. */
  countRequest(model: string, usage: TokenUsage | undefined): void {
    this.#details = withRequest(this.#details, { model, usage, prices: this.#options.prices })
  }

  /**
   * Everything that is stored of it, for somebody who will rewrite it. Throws as `addUser` does when another agent has
   * added to it.
   */
  async entries(): Promise<ConversationEntry[]> {
    if (!this.#options.save)
      return this.#messages.map((message) => ({ message: { ...message } as unknown as JsonObject }))
    if (this.#length === 0) return []
    return await this.#inTurn(async () => {
      const { entries } = await this.#options.conversations.load(this.id)
      if (entries.length !== this.#length) throw inUse(this.id)
      return [...entries, ...this.#recovered]
    })
  }

  /** Puts other entries in the place of all; `contextTokens` is what they are estimated at. */
  async replaceAll(entries: readonly ConversationEntry[], contextTokens: number): Promise<void> {
    this.#setContextTokens(contextTokens)
    await this.#inTurn(async () => {
      if (this.#options.save) await this.#store('replace', entries)
      this.#length = entries.length
      this.#recovered = []
      this.#messages = messagesOf(entries)
    })
  }

  /** A new conversation that begins with these entries; stored already. */
  async begin(entries: readonly ConversationEntry[], contextTokens: number): Promise<Session> {
    const next = new Session(newSessionId(), undefined, this.#options)
    const asked = entries.findLast(({ message, summary }) => message.role === 'user' && summary !== true)
    const [first] = asked === undefined ? [] : messagesOf([asked])
    next.#details = { ...next.#details, title: titleOf(first?.content ?? '') }
    next.#setContextTokens(contextTokens)
    await next.addEntries(entries)
    return next
  }

  /** Another conversation with the same options. Throws what the store does when it cannot be read. */
  async other(id: string): Promise<Session> {
    return new Session(id, await this.#options.conversations.load(id), this.#options)
  }

  /** Removes what nobody will go on with; that it could not be removed is no error. */
  async discard(): Promise<void> {
    await this.#inTurn(() => this.#options.conversations.delete(this.id)).catch(() => {})
  }

  /** Adds entries as they are. */
  async addEntries(entries: readonly ConversationEntry[]): Promise<void> {
    if (entries.length === 0) return
    await this.#inTurn(async () => {
      if (this.#options.save) await this.#store('append', entries)
      this.#length += entries.length
      this.#messages.push(...messagesOf(entries))
    })
  }

  /** Stores a title that a model has found; one that somebody else has set meanwhile stays. */
  async setTitle(title: string): Promise<void> {
    await this.#inTurn(async () => {
      const { conversations } = this.#options
      const { metadata } = await conversations.load(this.id)
      if (metadata.titleGenerated || metadata.title !== this.#details.title) {
        this.#details = { ...this.#details, title: metadata.title, titleGenerated: metadata.titleGenerated }
        return
      }
      await conversations.updateMetadata(this.id, { title, titleGenerated: true })
      this.#details = { ...this.#details, title, titleGenerated: true }
    })
  }

  #time(): string {
    return this.#options.now().toISOString()
  }

  #setContextTokens(lastInputTokens: number): void {
    this.#details = { ...this.#details, tokenStats: { ...this.#details.tokenStats, lastInputTokens } }
  }

  #toolEntry(call: ToolCall, content: string, outcome: ToolOutcome): ConversationEntry {
    return {
      message: { content, role: 'tool', tool_call_id: call.id },
      time: this.#time(),
      tool_execution: executionRecord(call.function.name, outcome),
    }
  }

  async #add(message: ChatMessage, entry: ConversationEntry): Promise<void> {
    await this.#inTurn(async () => {
      this.#early = this.#early.filter((one) => one.message.tool_call_id !== entry.message.tool_call_id)
      const entries = [...this.#recovered, entry]
      if (this.#options.save) await this.#store('append', entries)
      this.#recovered = []
      this.#length += entries.length
      this.#messages.push(message)
    })
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => {})
    return await turn
  }

  async #store(how: 'append' | 'replace', entries: readonly ConversationEntry[]): Promise<void> {
    const { conversations, retryForMs, signal, now } = this.#options
    this.#details = { ...this.#details, updatedAt: now() }
    const metadata = withEarlyResults(this.#details, this.#early)
    const write = { expectedLength: this.#length, entries, metadata }
    const until = performance.now() + retryForMs
    for (let uncertain = false; ; uncertain = true) {
      try {
        return await conversations[how](this.id, write)
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        if (error.code === 'E_CONFLICT') {
          if (how === 'replace' && uncertain && (await this.#holds(entries))) return
          throw inUse(this.id, error)
        }
        const passing = error.code === 'E_UNAVAILABLE' || error.code === 'E_BUSY'
        if (!passing || signal.aborted || performance.now() >= until) throw error
        await sleep(RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** Whether these are the stored entries: then a write whose reply was lost has happened. */
  async #holds(entries: readonly ConversationEntry[]): Promise<boolean> {
    const stored = await this.#options.conversations.load(this.id)
    return JSON.stringify(stored.entries) === JSON.stringify(entries)
  }
}

function inUse(id: string, cause?: StorageError): InferError {
  return new InferError('E_FAILED', `Another agent is using session ${id}; what it stored was not overwritten.`, {
    hint: 'Wait until it has ended and try again, or leave out --session-id to start a new session.',
    cause,
  })
}

function callDocument(call: ToolCall): JsonObject {
  const { name, arguments: args } = call.function
  return { function: { arguments: args, name }, id: call.id, type: 'function' }
}

/** A new id for a conversation. */
export function newSessionId(): string {
  return randomUUID()
}
