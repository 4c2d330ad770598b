import type {
  Conversation,
  ConversationDetails,
  ConversationEntry,
  ConversationList,
  ConversationMetadata,
  ConversationStorage,
  ConversationWrite,
} from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { checkId, isId } from '#storage/rules/check.ts'
import { checkConversation } from '#storage/rules/check-records.ts'
import { metadataFromDocument, metadataToDocument, needsTitle } from '#storage/rules/conversation-document.ts'
import type { RedisConnection, Script } from './connection.ts'
import { APPEND, CREATE, DELETE, HEAD, LIST, LOAD, REPLACE, UPDATE } from './conversation-scripts.ts'
import { corrupt, readStored } from './corrupt.ts'
import { keys } from './keys.ts'
import { prefixedIds } from './scan.ts'

/** How often an update of the metadata is tried against others. */
const MAX_ATTEMPTS = 50
/** How many candidates for a title are read at once. */
const TITLE_PAGE = 50

/** Conversations: metadata and entries under two keys, the entries as a list of JSON texts. */
export class RedisConversations implements ConversationStorage {
  readonly #connection: RedisConnection
  readonly #readOnly: boolean

  constructor(connection: RedisConnection, readOnly = false) {
    this.#readOnly = readOnly
    this.#connection = connection
  }

  async append(id: string, write: ConversationWrite): Promise<void> {
    await this.#write(APPEND, id, write, write.expectedLength + write.entries.length)
  }

  async replace(id: string, write: ConversationWrite): Promise<void> {
    await this.#write(REPLACE, id, write, write.entries.length)
  }

  async createAll(conversations: readonly Omit<Conversation, 'damage'>[]): Promise<Set<string>> {
    for (const { metadata, entries } of conversations) checkConversation('redis', metadata.id, metadata, entries)
    const outcomes = await Promise.all(
      conversations.map(({ metadata, entries }) => {
        const texts = entries.map((entry) => JSON.stringify(entry))
        const args = [metadata.id, ...head(metadata.id, metadata, entries.length), ...texts]
        return this.#connection.run<number>(CREATE, keysOf(metadata.id), args)
      }),
    )
    return new Set(conversations.filter((_, n) => outcomes[n] === 1).map(({ metadata }) => metadata.id))
  }

  async load(id: string): Promise<Conversation> {
    checkId('redis', 'conversation', id)
    const [text, entries] = await this.#connection.run<[string | null, string[]]>(LOAD, keysOf(id).slice(0, 2), [])
    if (text === null && entries.length === 0) throw missing(id)
    const metadata = metadataOf(id, text ?? '', entries.length)
    const read = entries.map((entry, index) =>
      readStored(`entry ${index} of ${keys.entries}${id}`, entry, (doc) => doc as ConversationEntry),
    )
    return { metadata, entries: read, damage: [] }
  }

  async list({ limit, offset }: { limit: number; offset: number }): Promise<ConversationList> {
    const first = Math.max(0, offset)
    const page = await this.#page(keys.conversationIndex, first, limit > 0 ? first + limit - 1 : -1)
    if (page.conversations.length > 0 || page.unreadable.length > 0 || first > 0 || this.#readOnly) return page
    return (await this.#restoreIndex()) ? await this.list({ limit, offset }) : page
  }

  async updateMetadata(id: string, patch: Partial<ConversationDetails>): Promise<void> {
    checkId('redis', 'conversation', id)
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const [text, sha, length] = await this.#connection.run<[string | null, string | null, number]>(
        HEAD,
        keysOf(id).slice(0, 2),
        [],
      )
      if (text === null || sha === null) {
        if (length === 0) throw missing(id)
        throw corrupt(keys.conversations + id, 'it is missing, only the entries are there')
      }
      const details = { ...metadataOf(id, text, length), ...patch }
      checkConversation('redis', id, details)
      if ((await this.#connection.run<number>(UPDATE, keysOf(id), [id, sha, ...head(id, details, length)])) === 1)
        return
    }
    throw new StorageError('E_BUSY', 'redis', `conversation ${id} is being changed all the time`, { hint: 'try again' })
  }

  async delete(id: string): Promise<void> {
    checkId('redis', 'conversation', id)
    if ((await this.#connection.run<number>(DELETE, keysOf(id), [id])) === 0) throw missing(id)
  }

  async listNeedingTitles(limit: number): Promise<ConversationMetadata[]> {
    const found: ConversationMetadata[] = []
    const size = limit > 0 ? Math.max(limit, TITLE_PAGE) : 0
    for (let first = 0; ; first += size) {
      const page = await this.#page(keys.untitled, first, size > 0 ? first + size - 1 : -1)
      found.push(...page.conversations.filter(needsTitle))
      if (limit > 0 && found.length >= limit) return found.slice(0, limit)
      if (size === 0 || page.conversations.length + page.unreadable.length < size) return found
    }
  }

  async #write(script: Script, id: string, write: ConversationWrite, length: number): Promise<void> {
    checkConversation('redis', id, write.metadata, write.entries)
    const entries = write.entries.map((entry) => JSON.stringify(entry))
    const stored = await this.#connection.run<number | null>(script, keysOf(id), [
      id,
      write.expectedLength,
      ...head(id, write.metadata, length),
      ...entries,
    ])
    if (stored === null) return
    if (stored < 0) throw corrupt(keys.conversations + id, 'it is no JSON')
    throw new StorageError(
      'E_CONFLICT',
      'redis',
      `conversation ${id} has ${stored} entries, not ${write.expectedLength}: somebody else changed it`,
    )
  }

  async #page(index: string, first: number, last: number): Promise<ConversationList> {
    const found = await this.#connection.run<(string | number)[]>(
      LIST,
      [index],
      [first, last, keys.conversations, keys.entries, this.#readOnly ? 'leave' : 'heal'],
    )
    const list: ConversationList = { conversations: [], unreadable: [] }
    for (let i = 0; i + 2 < found.length; i += 3) {
      const id = String(found[i])
      try {
        list.conversations.push(metadataOf(id, String(found[i + 1]), Number(found[i + 2])))
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        list.unreadable.push({ id, error })
      }
    }
    return list
  }

  /** An index without anything may have been deleted by hand: what the keys say goes into it. True when there is any. */
  async #restoreIndex(): Promise<boolean> {
    let found = false
    for (const id of await prefixedIds(this.#connection, keys.conversations)) {
      if (!isId(id)) continue
      const [text] = await this.#connection.run<[string | null]>(HEAD, keysOf(id).slice(0, 2), [])
      if (text === null) continue
      await this.#connection.call('ZADD', keys.conversationIndex, scoreOf(id, text), id)
      found = true
    }
    return found
  }
}

/** The keys of a conversation, as the scripts that write one take them. */
export function keysOf(id: string): string[] {
  return [keys.conversations + id, keys.entries + id, keys.conversationIndex, keys.untitled]
}

/** Metadata, score, and whether it needs a title, as the scripts that write a conversation take them. */
export function head(id: string, details: ConversationDetails, length: number): [string, number, string] {
  const untitled = needsTitle({ ...details, id, messageCount: length })
  return [JSON.stringify(metadataToDocument(id, details, length)), details.updatedAt.getTime(), untitled ? '1' : '0']
}

function metadataOf(id: string, text: string, length: number): ConversationMetadata {
  const key = keys.conversations + id
  if (text === '') throw corrupt(key, 'it is missing or empty, only the entries are there')
  return readStored(key, text, (doc) => ({ ...metadataFromDocument({ ...doc, id }), messageCount: length }))
}

function scoreOf(id: string, text: string): number {
  try {
    return metadataOf(id, text, 0).updatedAt.getTime()
  } catch {
    return 0
  }
}

function missing(id: string): StorageError {
  return new StorageError('E_NOT_FOUND', 'redis', `there is no conversation ${id}`)
}
