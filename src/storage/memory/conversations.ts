import type {
  Conversation,
  ConversationDetails,
  ConversationEntry,
  ConversationStorage,
  ConversationWrite,
} from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { checkId } from '#storage/rules/check.ts'
import { checkConversation } from '#storage/rules/check-records.ts'
import {
  byNewestUpdate,
  metadataFromDocument,
  metadataToDocument,
  needsTitle,
} from '#storage/rules/conversation-document.ts'
import { parseObject } from '#storage/rules/fields.ts'

/** Texts, as the other backends hold them: what a caller does with an object it got or gave changes nothing here. */
interface Stored {
  metadata: string
  entries: string[]
}

/** The conversations of this process. */
export class MemoryConversations implements ConversationStorage {
  readonly #stored = new Map<string, Stored>()

  async append(id: string, write: ConversationWrite): Promise<void> {
    const entries = check(id, write)
    const known = this.#stored.get(id)?.entries ?? []
    if (known.length !== write.expectedLength) {
      if (standsAlready(known, write.expectedLength, entries)) return
      throw conflict(id, known.length, write.expectedLength)
    }
    known.push(...entries)
    this.#put(id, write.metadata, known)
  }

  async replace(id: string, write: ConversationWrite): Promise<void> {
    const entries = check(id, write)
    const length = this.#stored.get(id)?.entries.length ?? 0
    if (length !== write.expectedLength) throw conflict(id, length, write.expectedLength)
    this.#put(id, write.metadata, entries)
  }

  async createAll(conversations: readonly Omit<Conversation, 'damage'>[]): Promise<Set<string>> {
    for (const { metadata, entries } of conversations) checkConversation('memory', metadata.id, metadata, entries)
    return new Set(conversations.filter((one) => this.takeIn(one)).map(({ metadata }) => metadata.id))
  }

  async load(id: string): Promise<Conversation> {
    const { metadata, entries } = this.#get(id)
    return {
      metadata: metadataFromDocument(parseObject(metadata)),
      entries: entries.map((text) => parseObject(text) as ConversationEntry),
      damage: [],
    }
  }

  async list({ limit, offset }: { limit: number; offset: number }) {
    const from = Math.max(0, offset)
    const conversations = this.#newest().slice(from, limit > 0 ? from + limit : undefined)
    return { conversations, unreadable: [] }
  }

  async updateMetadata(id: string, patch: Partial<ConversationDetails>): Promise<void> {
    const { metadata, entries } = this.#get(id)
    const details = { ...metadataFromDocument(parseObject(metadata)), ...patch }
    checkConversation('memory', id, details)
    this.#put(id, details, entries)
  }

  async delete(id: string): Promise<void> {
    this.#get(id)
    this.#stored.delete(id)
  }

  async listNeedingTitles(limit: number) {
    const found = this.#newest().filter(needsTitle)
    return limit > 0 ? found.slice(0, limit) : found
  }

  /** Takes in a conversation from elsewhere; false when the id is taken. */
  takeIn(conversation: Omit<Conversation, 'damage'>): boolean {
    const { metadata, entries } = conversation
    if (this.#stored.has(metadata.id)) return false
    this.#put(
      metadata.id,
      metadata,
      entries.map((entry) => JSON.stringify(entry)),
    )
    return true
  }

  #get(id: string): Stored {
    checkId('memory', 'conversation', id)
    const stored = this.#stored.get(id)
    if (!stored) throw new StorageError('E_NOT_FOUND', 'memory', `there is no conversation ${id}`)
    return stored
  }

  #put(id: string, details: ConversationDetails, entries: string[]): void {
    this.#stored.set(id, { metadata: JSON.stringify(metadataToDocument(id, details, entries.length)), entries })
  }

  #newest() {
    return [...this.#stored.values()]
      .map(({ metadata }) => metadataFromDocument(parseObject(metadata)))
      .sort(byNewestUpdate)
  }
}

/** The entries as the texts that are stored, once the write is found fit. */
function check(id: string, write: ConversationWrite): string[] {
  checkConversation('memory', id, write.metadata, write.entries)
  return write.entries.map((entry) => JSON.stringify(entry))
}

function standsAlready(known: string[], expectedLength: number, entries: string[]): boolean {
  return (
    known.length === expectedLength + entries.length &&
    entries.every((text, index) => text === known[expectedLength + index])
  )
}

function conflict(id: string, length: number, expected: number): StorageError {
  const message = `conversation ${id} has ${length} entries, not ${expected}: somebody else changed it`
  return new StorageError('E_CONFLICT', 'memory', message)
}
