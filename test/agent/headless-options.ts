import { authoriseBy } from '#agent/approval.ts'
import type { HeadlessOptions } from '#agent/headless.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openMemory } from '#storage/memory/open.ts'
import { recordedModel, says } from './recorded-model.ts'

export function memoryStores(): Stores {
  return openMemory({ type: 'memory', warn: () => {} })
}

/** Options of a run that says ok; each may be replaced. */
export function headlessOptions(more: Partial<HeadlessOptions> & { stores?: Stores } = {}): HeadlessOptions {
  const { stores = memoryStores(), ...rest } = more
  return {
    conversations: stores.conversations,
    sessionGroups: stores.sessionGroups,
    client: recordedModel(says('ok')),
    chooseModel: async () => 'test/model',
    task: async () => 'do it',
    save: true,
    tools: () => [],
    systemPrompt: async () => 'system',
    authorise: authoriseBy({ mode: 'auto', behaviour: 'prompt' }),
    limits: { maxTurns: 5, maxTokens: 100, maxConcurrentTools: 5 },
    prices: { currency: 'USD', perMillion: { 'test/model': { input: 2, output: 4 } } },
    emit: () => {},
    signal: new AbortController().signal,
    retryForMs: 0,
    now: () => new Date(),
    ...rest,
  }
}
