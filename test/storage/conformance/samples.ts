import type { ConversationDetails, ConversationEntry } from '#storage/contract/conversations.ts'
import type { ClaimRequest } from '#storage/contract/job-runs.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'

/** A moment so many seconds (a fraction is milliseconds) into a fixed day. */
export function at(seconds: number): Date {
  return new Date(Date.UTC(2026, 4, 6, 7, 8, 9) + Math.round(seconds * 1_000))
}

export function details(changes: Partial<ConversationDetails> = {}): ConversationDetails {
  return {
    title: 'A title',
    createdAt: at(0),
    updatedAt: at(0),
    tokenStats: { totalInputTokens: 0, totalOutputTokens: 0, totalTokens: 0, requestCount: 0, lastInputTokens: 0 },
    costStats: { totalCost: 0, totalInputCost: 0, totalOutputCost: 0, perModelStats: null, currency: 'USD' },
    model: '',
    tags: [],
    titleGenerated: false,
    extra: {},
    ...changes,
  }
}

export function entry(content: string): ConversationEntry {
  return { message: { role: 'user', content }, time: at(0).toISOString(), hidden: false }
}

/** `count` entries that say which they are, from `first` on. */
export function entries(count: number, first = 0): ConversationEntry[] {
  return Array.from({ length: count }, (_, index) => entry(`entry ${first + index}`))
}

export function job(id: string, changes: Partial<ScheduledJob> = {}): ScheduledJob {
  return {
    id,
    cronExpression: '*/5 * * * *',
    prompt: 'Say hello',
    runOnce: false,
    enabled: true,
    catchUp: 'latest',
    overlap: 'skip',
    createdAt: at(0),
    updatedAt: at(0),
    ...changes,
  }
}

/** A claim of a fire by a claimant of its own. */
export function request(
  stored: { id: string; revision: string },
  scheduledFor: Date,
  changes: Partial<ClaimRequest> = {},
): ClaimRequest {
  return {
    jobId: stored.id,
    revision: stored.revision,
    scheduledFor,
    trigger: 'schedule',
    owner: 'daemon-1',
    host: 'host-1',
    token: crypto.randomUUID(),
    ...changes,
  }
}
