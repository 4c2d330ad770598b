import type { StorageError } from './errors.ts'
import type { JsonObject, JsonValue } from './json.ts'

/**
 * One message of a conversation and what belongs to it, as it stands in the files: a JSON document with
 * snake_case keys whose unknown fields are kept. Text and key order round-trip to the byte.
 */
export interface ConversationEntry extends JsonObject {
  /** The message as the gateway speaks it: `role`, `content`, and `tool_calls` or `tool_call_id`. */
  message: JsonObject
}

export interface TokenStats {
  totalInputTokens: number
  totalOutputTokens: number
  totalTokens: number
  requestCount: number
  /** Prompt tokens of the last request: how full the context is. */
  lastInputTokens: number
}

/** Costs in `currency`. */
export interface CostStats {
  totalCost: number
  totalInputCost: number
  totalOutputCost: number
  perModelStats: JsonValue
  currency: string
}

export interface ConversationMetadata {
  id: string
  title: string
  createdAt: Date
  updatedAt: Date
  /** Number of stored entries; the store counts, what a caller passes is ignored. */
  messageCount: number
  tokenStats: TokenStats
  costStats: CostStats
  model: string
  tags: string[]
  titleGenerated: boolean
  /** Fields of the stored document that this version does not know; kept as they are. */
  extra: JsonObject
}

/** What a writer says of a conversation; the id is an argument of its own and the store counts the messages. */
export type ConversationDetails = Omit<ConversationMetadata, 'id' | 'messageCount'>

export interface Conversation {
  metadata: ConversationMetadata
  entries: ConversationEntry[]
  /** Sentences about what could not be read and was set aside, such as a torn last line. Empty when all is well. */
  damage: string[]
}

export interface ConversationList {
  conversations: ConversationMetadata[]
  /** What exists but cannot be read (E_CORRUPT); never silently left out. */
  unreadable: { id: string; error: StorageError }[]
}

/** One write: the new state of a conversation from `expectedLength` entries on. */
export interface ConversationWrite {
  /** How many entries the writer believes are stored; 0 creates the conversation. */
  expectedLength: number
  entries: readonly ConversationEntry[]
  metadata: ConversationDetails
}

/** Errors of every method: E_INVALID for a bad id, E_UNAVAILABLE, E_BUSY, E_FULL. */
export interface ConversationStorage {
  /**
   * Adds entries at the end and replaces the metadata, atomically and durably. The cost depends on the new
   * entries only, not on those stored.
   *
   * E_CONFLICT unless the stored length is `expectedLength`. The same entries already standing at that place,
   * with nothing after them, are a success: a retry after a lost reply.
   */
  append(id: string, write: ConversationWrite): Promise<void>

  /** Replaces all entries and the metadata (compaction). E_CONFLICT unless the stored length is `expectedLength`. */
  replace(id: string, write: ConversationWrite): Promise<void>

  /**
   * Creates conversations just as they are, in as few steps as the backend can; each is there as a whole or not at
   * all. One whose id is taken is left alone. Durable. Returns the ids of those that were created.
   */
  createAll(conversations: readonly Omit<Conversation, 'damage'>[]): Promise<Set<string>>

  /** E_NOT_FOUND, or E_CORRUPT when it exists and cannot be read. */
  load(id: string): Promise<Conversation>

  /** Newest `updatedAt` first, ties by id descending. A limit of 0 or less means all. */
  list(options: { limit: number; offset: number }): Promise<ConversationList>

  /** Changes the given details and leaves the rest, entries included. E_NOT_FOUND. */
  updateMetadata(id: string, patch: Partial<ConversationDetails>): Promise<void>

  /** E_NOT_FOUND when there is none. */
  delete(id: string): Promise<void>

  /** Conversations with entries and no generated title, newest first. A limit of 0 or less means all. */
  listNeedingTitles(limit: number): Promise<ConversationMetadata[]>
}
