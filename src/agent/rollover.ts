import type { ConversationEntry } from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { type CompactionOptions, type CompactionSettings, partsOf } from './compaction.ts'
import { estimateTokens } from './context-size.ts'
import type { RolledOver, TokenUsage } from './loop.ts'
import { messagesOf } from './messages.ts'
import type { OpenedSession } from './open-session.ts'
import type { Session } from './session.ts'
import { SummaryError, summarise, summaryEntry, transcriptOf } from './summarise.ts'

export interface RolloverOptions extends CompactionOptions {
  /**
   * - `all`: the new conversation has the summary alone.
   * - `recent`: also what the person said last and the messages at the end, to go on in the middle of a run.
   */
  readonly summarise: 'all' | 'recent'
  /** When the model cannot make a summary: fail, or go on with the last words of the old conversation. */
  readonly withoutSummary: 'fail' | 'last_words'
}

/** Whether the session has rested for so long that its group moves on; never for one that belongs to no group. */
export function isIdle({ group, session, resumed }: OpenedSession, settings: CompactionSettings, now: Date): boolean {
  const { enabled, rolloverOnIdleMinutes: minutes } = settings
  if (!enabled || minutes <= 0 || group === undefined || !resumed || session.length === 0) return false
  return now.getTime() - session.updatedAt.getTime() >= minutes * 60_000
}

export interface DueOptions extends Pick<RolloverOptions, 'client' | 'model' | 'signal' | 'now'> {
  /** `compact`; without it nothing rolls over. */
  readonly settings: CompactionSettings | undefined
  /** Whether the person asks for it (`/new`). */
  readonly asksNew: boolean
  readonly warn: (message: string) => void
  readonly beforeCall?: (() => Promise<void>) | undefined
}

/** A rollover that is due before anything is said; after a summary that failed an idle session goes on as it is. */
export async function rollOverWhenDue(opened: OpenedSession, options: DueOptions): Promise<RolledOver | undefined> {
  const { settings, asksNew, warn, beforeCall, client, model, signal, now } = options
  if (settings === undefined || !(asksNew || isIdle(opened, settings, now()))) return undefined
  await beforeCall?.()
  try {
    const withoutSummary = asksNew ? 'last_words' : 'fail'
    return await rollOver(opened, { client, model, signal, now, settings, summarise: 'all', withoutSummary })
  } catch (error) {
    if (!(error instanceof SummaryError)) throw error
    warn(error.message)
    return undefined
  }
}

/**
 * Moves the group of a session on to a new conversation that opens with a summary of the old one, which stays as it is.
 * `opened.session` is the new one afterwards. When another agent has moved the group meanwhile, that one's conversation
 * is gone on with, and nothing else is moved.
 *
 * Undefined when there is nothing to move on from: no group, nothing said, `--no-save`. Throws what the model client
 * and the store throw; the group is where it was then.
 */
export async function rollOver(opened: OpenedSession, options: RolloverOptions): Promise<RolledOver | undefined> {
  const { group, session: old } = opened
  if (group === undefined || old.length === 0) return undefined
  const entries = await old.entries()
  const parts = options.summarise === 'all' ? { older: entries, recent: [] } : partsOf(entries, 0)
  if (parts === undefined) return undefined
  const { text, usage, made } = await summaryOf(parts.older, options)
  const opening = [summaryEntry(text, options.now()), ...parts.recent]
  const next = await old.begin(opening, estimateTokens(messagesOf(opening)))
  const moved = await move(opened, next, options.now())
  if (moved) {
    if (made) next.countRequest(options.model, usage)
    opened.session = next
  } else {
    await next.discard()
    const winner = await winnerOf(opened)
    await winner.addEntries(parts.recent)
    opened.session = winner
  }
  return { type: 'rolled_over', previousSessionId: old.id, newSessionId: opened.session.id, summary: made, usage }
}

async function summaryOf(
  entries: readonly ConversationEntry[],
  { settings, withoutSummary, client, model, signal }: RolloverOptions,
): Promise<{ text: string; usage: TokenUsage | undefined; made: boolean }> {
  try {
    const words = await summarise(entries, { client, model, signal, maxTokens: settings.summaryMaxTokens })
    return { ...words, made: true }
  } catch (error) {
    if (signal.aborted || withoutSummary === 'fail') throw error
    const text = `No summary could be made. The last words were:\n\n${transcriptOf(entries.slice(-LAST_WORDS), 1_000)}`
    return { text, usage: undefined, made: false }
  }
}

const LAST_WORDS = 4

/** Whether the group has moved; false when it is somewhere else already. */
async function move({ group, session: old }: OpenedSession, next: Session, at: Date): Promise<boolean> {
  if (group === undefined) return false
  const { key, store } = group
  const entry = await store.get(key)
  if (entry?.currentSessionId !== old.id) return false
  const { revision, currentSessionId, history } = entry
  const moved = { currentSessionId: next.id, history: [...history, currentSessionId], lastRollover: at, updatedAt: at }
  try {
    await store.put(key, moved, { expected: revision })
    return true
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'E_CONFLICT') throw error
    // A put whose reply was lost has moved it all the same.
    return (await store.get(key))?.currentSessionId === next.id
  }
}

async function winnerOf({ group, session: old }: OpenedSession): Promise<Session> {
  const current = await group?.store.get(group.key)
  return await old.other(current?.currentSessionId ?? old.id)
}
