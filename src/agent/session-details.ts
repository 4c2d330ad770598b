import type { Conversation, ConversationDetails } from '#storage/contract/conversations.ts'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import type { TokenUsage } from './loop.ts'
import { costOf, type Prices } from './pricing.ts'

/** Longest title that is made of a first message, in characters. */
const TITLE_LENGTH = 60

/** The metadata of a conversation that begins now. */
export function freshDetails(at: Date, model: string, prices: Prices): ConversationDetails {
  return {
    title: '',
    createdAt: at,
    updatedAt: at,
    tokenStats: { totalInputTokens: 0, totalOutputTokens: 0, totalTokens: 0, requestCount: 0, lastInputTokens: 0 },
    costStats: { totalCost: 0, totalInputCost: 0, totalOutputCost: 0, perModelStats: null, currency: prices.currency },
    model,
    tags: [],
    titleGenerated: false,
    extra: {},
  }
}

export function detailsOf(metadata: Conversation['metadata']): ConversationDetails {
  const { id: _, messageCount: __, ...details } = metadata
  return details
}

/** The metadata with one request more. */
export function withRequest(
  details: ConversationDetails,
  { model, usage, prices }: { model: string; usage: TokenUsage | undefined; prices: Prices },
): ConversationDetails {
  const { tokenStats: tokens, costStats: costs } = details
  const { promptTokens = 0, completionTokens = 0, totalTokens = 0 } = usage ?? {}
  const cost = costOf(prices, model, promptTokens, completionTokens)
  return {
    ...details,
    tokenStats: {
      ...tokens,
      totalInputTokens: tokens.totalInputTokens + promptTokens,
      totalOutputTokens: tokens.totalOutputTokens + completionTokens,
      totalTokens: tokens.totalTokens + totalTokens,
      requestCount: tokens.requestCount + 1,
    },
    costStats: {
      totalCost: costs.totalCost + cost.input + cost.output,
      totalInputCost: costs.totalInputCost + cost.input,
      totalOutputCost: costs.totalOutputCost + cost.output,
      perModelStats: withModel(costs.perModelStats, model, { promptTokens, completionTokens, ...cost }),
      currency: prices.currency,
    },
  }
}

/** The sums by model, in the shape of the Go CLI (its `ModelCostStats`, whose keys have no JSON names). */
function withModel(
  stats: JsonValue,
  model: string,
  request: { promptTokens: number; completionTokens: number; input: number; output: number },
): JsonObject {
  const all = isObject(stats) ? stats : {}
  const known = Object.hasOwn(all, model) ? all[model] : undefined
  const before = isObject(known) ? known : {}
  const sum = (key: string, more: number) => {
    const value = before[key]
    return (typeof value === 'number' ? value : 0) + more
  }
  const entry = {
    ...before,
    Model: model,
    InputTokens: sum('InputTokens', request.promptTokens),
    OutputTokens: sum('OutputTokens', request.completionTokens),
    InputCost: sum('InputCost', request.input),
    OutputCost: sum('OutputCost', request.output),
    TotalCost: sum('TotalCost', request.input + request.output),
    RequestCount: sum('RequestCount', 1),
  }
  return { ...all, [model]: entry }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The first words of the first message, on one line, until a model finds a better title. */
export function titleOf(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  const characters = Array.from(line.slice(0, 2 * TITLE_LENGTH + 2))
  if (characters.length <= TITLE_LENGTH) return line
  const cut = characters.slice(0, TITLE_LENGTH - 1).join('')
  return `${cut.replace(/\s+\S{0,12}$/, '').trimEnd()}…`
}
