import type { ConversationMetadata } from '#storage/contract/conversations.ts'

/** A conversation's metadata as `--json` prints it. */
export function conversationView(metadata: ConversationMetadata) {
  const { tokenStats, costStats } = metadata
  return {
    id: metadata.id,
    title: metadata.title,
    created_at: metadata.createdAt.toISOString(),
    updated_at: metadata.updatedAt.toISOString(),
    message_count: metadata.messageCount,
    model: metadata.model,
    tags: metadata.tags,
    token_stats: {
      total_input_tokens: tokenStats.totalInputTokens,
      total_output_tokens: tokenStats.totalOutputTokens,
      total_tokens: tokenStats.totalTokens,
      request_count: tokenStats.requestCount,
      last_input_tokens: tokenStats.lastInputTokens,
    },
    cost_stats: {
      total_cost: costStats.totalCost,
      total_input_cost: costStats.totalInputCost,
      total_output_cost: costStats.totalOutputCost,
      per_model_stats: costStats.perModelStats,
      currency: costStats.currency,
    },
  }
}
