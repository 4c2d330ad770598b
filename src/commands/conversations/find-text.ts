import type { ConversationEntry, ConversationMetadata, ConversationStorage } from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { oneLine } from '#terminal/escapes.ts'

/** A conversation that has the words; keys as `--json` prints them. */
export interface FoundText {
  readonly id: string
  readonly title: string
  readonly updated_at: string
  /** Where they were first found: `title`, or the role of the message. */
  readonly role: string
  /** The words with what is around them, on one line. */
  readonly snippet: string
  /** How many messages have them. */
  readonly matches: number
}

export interface TextSearch {
  readonly query: string
  readonly includeHidden: boolean
  readonly warn: (sentence: string) => void
  /** Told after each conversation how many have been searched. */
  readonly onProgress: (searched: number) => void
}

/** Conversations that are listed at once. */
const PAGE = 200
/** Characters of a snippet on each side of the words. */
const AROUND = 40

/**
 * Conversations whose title or messages hold the query, newest first, letters in any case. One conversation is in
 * memory at a time. What cannot be read is a warning.
 */
export async function* findText(
  conversations: ConversationStorage,
  { query, includeHidden, warn, onProgress }: TextSearch,
): AsyncGenerator<FoundText> {
  const expression = new RegExp(query.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll(/\s+/g, '\\s+'), 'iu')
  // What is changed meanwhile moves to the front, and others move to the next page.
  const seen = new Set<string>()
  const warned = new Set<string>()
  for (let offset = 0; ; offset += PAGE) {
    const { conversations: page, unreadable } = await conversations.list({ limit: PAGE, offset })
    for (const { id, error } of unreadable) {
      if (!warned.has(id)) warn(`Conversation ${id} is not searched: ${error.message}`)
      warned.add(id)
    }
    for (const metadata of page) {
      if (seen.has(metadata.id)) continue
      seen.add(metadata.id)
      const entries = await entriesOf(conversations, metadata.id, warn)
      const found = search(
        metadata,
        includeHidden ? entries : entries.filter(({ hidden }) => hidden !== true),
        expression,
      )
      onProgress(seen.size)
      if (found) yield found
    }
    if (page.length < PAGE) return
  }
}

async function entriesOf(
  conversations: ConversationStorage,
  id: string,
  warn: TextSearch['warn'],
): Promise<ConversationEntry[]> {
  try {
    return (await conversations.load(id)).entries
  } catch (error) {
    if (!(error instanceof StorageError) || (error.code !== 'E_NOT_FOUND' && error.code !== 'E_CORRUPT')) throw error
    // One that was deleted meanwhile is not there to be found.
    if (error.code === 'E_CORRUPT') warn(`Conversation ${id} is not searched: ${error.message}`)
    return []
  }
}

function search(
  { id, title, updatedAt }: ConversationMetadata,
  entries: readonly ConversationEntry[],
  expression: RegExp,
): FoundText | undefined {
  const hits = entries.flatMap(({ message }) => {
    const text = textOf(message.content)
    const match = expression.exec(text)
    return match === null ? [] : [{ role: String(message.role ?? ''), snippet: snippetOf(text, match) }]
  })
  const inTitle = expression.exec(title)
  const first = hits[0] ?? (inTitle === null ? undefined : { role: 'title', snippet: snippetOf(title, inTitle) })
  return first && { id, title, updated_at: updatedAt.toISOString(), ...first, matches: hits.length }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : '')).join('\n')
}

function snippetOf(text: string, { index, 0: words }: RegExpExecArray): string {
  const from = Math.max(0, index - AROUND)
  const to = Math.min(text.length, index + words.length + AROUND)
  return `${from > 0 ? '…' : ''}${oneLine(text.slice(from, to).toWellFormed())}${to < text.length ? '…' : ''}`
}
