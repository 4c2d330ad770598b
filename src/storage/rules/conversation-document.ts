import type { ConversationDetails, ConversationMetadata } from '#storage/contract/conversations.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { field } from './fields.ts'

const KNOWN = new Set(
  'id title created_at updated_at message_count token_stats cost_stats model tags title_generated'.split(' '),
)

/** Metadata with the keys of the historical files; unknown fields follow as they were. */
export function metadataToDocument(id: string, details: ConversationDetails, messageCount: number): JsonObject {
  const { tokenStats, costStats } = details
  return {
    id,
    title: details.title,
    created_at: details.createdAt.toISOString(),
    updated_at: details.updatedAt.toISOString(),
    message_count: messageCount,
    token_stats: {
      total_input_tokens: tokenStats.totalInputTokens,
      total_output_tokens: tokenStats.totalOutputTokens,
      total_tokens: tokenStats.totalTokens,
      request_count: tokenStats.requestCount,
      last_input_tokens: tokenStats.lastInputTokens,
    },
    cost_stats: {
      TotalCost: costStats.totalCost,
      TotalInputCost: costStats.totalInputCost,
      TotalOutputCost: costStats.totalOutputCost,
      PerModelStats: costStats.perModelStats,
      Currency: costStats.currency,
    },
    model: details.model,
    tags: details.tags,
    title_generated: details.titleGenerated,
    ...unknownFields(details.extra),
  }
}

/** Throws DocumentError. `message_count` is what the document says; a store that knows better overrides it. */
export function metadataFromDocument(doc: JsonObject): ConversationMetadata {
  const tokens = doc.token_stats == null ? {} : field.object(doc, 'token_stats')
  const costs = doc.cost_stats == null ? {} : field.object(doc, 'cost_stats')
  return {
    id: field.text(doc, 'id'),
    title: field.optionalText(doc, 'title') ?? '',
    createdAt: field.date(doc, 'created_at'),
    updatedAt: field.date(doc, 'updated_at'),
    messageCount: field.number(doc, 'message_count', 0),
    tokenStats: {
      totalInputTokens: field.number(tokens, 'total_input_tokens', 0),
      totalOutputTokens: field.number(tokens, 'total_output_tokens', 0),
      totalTokens: field.number(tokens, 'total_tokens', 0),
      requestCount: field.number(tokens, 'request_count', 0),
      lastInputTokens: field.number(tokens, 'last_input_tokens', 0),
    },
    costStats: {
      totalCost: field.number(costs, 'TotalCost', 0),
      totalInputCost: field.number(costs, 'TotalInputCost', 0),
      totalOutputCost: field.number(costs, 'TotalOutputCost', 0),
      perModelStats: costs.PerModelStats ?? null,
      currency: field.optionalText(costs, 'Currency') ?? '',
    },
    model: field.optionalText(doc, 'model') ?? '',
    tags: field.list(doc, 'tags').map(String),
    titleGenerated: field.flag(doc, 'title_generated', false),
    extra: unknownFields(doc),
  }
}

function unknownFields(doc: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(doc).filter(([key]) => !KNOWN.has(key)))
}

/** The newest first, as every backend lists conversations. */
export function byNewestUpdate(a: ConversationMetadata, b: ConversationMetadata): number {
  return b.updatedAt.getTime() - a.updatedAt.getTime() || (a.id < b.id ? 1 : -1)
}

/** Whether `listNeedingTitles` lists it. */
export function needsTitle(metadata: ConversationMetadata): boolean {
  return !metadata.titleGenerated && metadata.messageCount > 0
}
