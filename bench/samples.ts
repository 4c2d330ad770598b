import type { ConversationDetails, ConversationEntry } from '#storage/contract/conversations.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'

const BEGIN = Date.UTC(2026, 2, 1, 8)

/** Some 300 bytes, as a short message of a conversation has. */
export function entry(number: number): ConversationEntry {
  const content = `Message ${number}: please look at the failing test of the parser and tell me what it needs. `.repeat(
    3,
  )
  return { message: { role: 'user', content }, time: new Date(BEGIN + number).toISOString(), hidden: false }
}

export function entries(count: number): ConversationEntry[] {
  return Array.from({ length: count }, (_, number) => entry(number))
}

/** Metadata after the message of that number. */
export function details(number: number): ConversationDetails {
  return {
    title: 'The failing test of the parser',
    createdAt: new Date(BEGIN),
    updatedAt: new Date(BEGIN + number),
    tokenStats: {
      totalInputTokens: 12_000,
      totalOutputTokens: 3_400,
      totalTokens: 15_400,
      requestCount: 17,
      lastInputTokens: 2_100,
    },
    costStats: { totalCost: 0.04, totalInputCost: 0.03, totalOutputCost: 0.01, perModelStats: null, currency: 'USD' },
    model: 'provider/model-name',
    tags: [],
    titleGenerated: false,
    extra: {},
  }
}

export function job(id: string, changes: Partial<ScheduledJob> = {}): ScheduledJob {
  return {
    id,
    name: 'Morning report',
    cronExpression: '0 8 * * 1-5',
    timezone: 'Europe/Paris',
    prompt: 'Summarise what changed in the repository since yesterday, with the open questions at the end.',
    runOnce: false,
    enabled: true,
    catchUp: 'latest',
    overlap: 'skip',
    createdAt: new Date(BEGIN),
    updatedAt: new Date(BEGIN),
    ...changes,
  }
}
