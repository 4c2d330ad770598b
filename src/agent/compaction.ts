import type { ChatMessage } from '#gateway/model.ts'
import type { ConversationEntry } from '#storage/contract/conversations.ts'
import { contextWindowOf, estimateTokens } from './context-size.ts'
import type { Compacted } from './loop.ts'
import { messagesOf } from './messages.ts'
import type { Session } from './session.ts'
import { type Asking, isSummary, summarise, summaryEntry } from './summarise.ts'

/** The settings of `compact`. */
export interface CompactionSettings {
  readonly enabled: boolean
  /** Percent of the context window. */
  readonly autoAt: number
  readonly keepFirstMessages: number
  readonly summaryMaxTokens: number
  /** 0 means never. */
  readonly rolloverOnIdleMinutes: number
}

export interface CompactionOptions extends Omit<Asking, 'maxTokens'> {
  readonly settings: Pick<CompactionSettings, 'keepFirstMessages' | 'summaryMaxTokens'>
  readonly now: () => Date
}

/**
 * Puts a summary in the place of the older messages, in the store and in the session: what remains is the first
 * messages, the summary, what the person said last, and the most recent messages. Undefined when there is nothing that
 * a summary would shorten.
 *
 * Throws what the model client throws, and E_FAILED when another agent has added to the session; nothing has changed
 * then.
 */
export async function compactSession(session: Session, options: CompactionOptions): Promise<Compacted | undefined> {
  const { settings, now, ...asking } = options
  const parts = partsOf(await session.entries(), settings.keepFirstMessages)
  if (parts === undefined) return undefined
  const { text, usage } = await summarise(parts.older, { ...asking, maxTokens: settings.summaryMaxTokens })
  const entries = [...parts.first, summaryEntry(text, now()), ...parts.recent]
  session.countRequest(options.model, usage)
  await session.replaceAll(entries, estimateTokens(messagesOf(entries)))
  return { type: 'compacted', summarised: parts.older.length, usage }
}

/** Whether a prompt of so many tokens has reached `auto_at` percent of the context. */
export async function isNearlyFull(
  messages: readonly ChatMessage[],
  tokens: number,
  autoAt: number,
  { client, model, signal }: Pick<Asking, 'client' | 'model' | 'signal'>,
): Promise<boolean> {
  if (messages.length < LEAST_MESSAGES) return false
  const window = await contextWindowOf(client, model, signal)
  return tokens >= (window * autoAt) / 100
}

/** System prompt, question, answer and question: with fewer nothing can be left out, and the gateway is not asked. */
const LEAST_MESSAGES = 4
/** The part of the conversation, by its characters, that stays as it is at the end. */
const RECENT_SHARE = 0.25

export interface Parts {
  readonly first: readonly ConversationEntry[]
  /** What the summary stands for. */
  readonly older: readonly ConversationEntry[]
  /** What the person said last, where it is not among the others, and the messages at the end. */
  readonly recent: readonly ConversationEntry[]
}

/**
 * Divides a conversation; a call is never parted from its results, so `first` may be a little longer than asked for.
 * Undefined when fewer than two messages would be summarised that are no summary already.
 */
export function partsOf(entries: readonly ConversationEntry[], keepFirst: number): Parts | undefined {
  const head = turnEnd(entries, keepFirst)
  let tail = turnStart(entries, entries.length - 1)
  const all = sizeOf(entries)
  while (tail > head) {
    const before = turnStart(entries, tail - 1)
    if (sizeOf(entries.slice(before)) > all * RECENT_SHARE) break
    tail = before
  }
  const asked = entries.findLastIndex((entry) => entry.message.role === 'user' && !isSummary(entry))
  const keepsAsked = asked >= head && asked < tail
  const older = entries.slice(head, Math.max(head, tail)).filter((_, index) => !keepsAsked || head + index !== asked)
  if (older.filter((entry) => !isSummary(entry)).length < 2) return undefined
  const said = keepsAsked ? entries.slice(asked, asked + 1) : []
  return { first: entries.slice(0, head), older, recent: [...said, ...entries.slice(tail)] }
}

/** The first index from `at` on that is no result of an earlier call. */
function turnEnd(entries: readonly ConversationEntry[], at: number): number {
  let end = Math.min(at, entries.length)
  while (end > 0 && entries[end]?.message.role === 'tool') end += 1
  return end
}

/** The index of the message that the one at `at` belongs to: itself, or the call of a result. */
function turnStart(entries: readonly ConversationEntry[], at: number): number {
  let start = at
  while (start > 0 && entries[start]?.message.role === 'tool') start -= 1
  return Math.max(0, start)
}

function sizeOf(entries: readonly ConversationEntry[]): number {
  return entries.reduce((sum, { message }) => sum + JSON.stringify(message).length, 0)
}

/** The messages of a session behind the system prompt that they were sent with. */
export function withSystem(before: readonly ChatMessage[], session: Session): ChatMessage[] {
  return [...before.filter(({ role }) => role === 'system').slice(0, 1), ...session.messages]
}
