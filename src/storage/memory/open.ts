import type { Stores } from '#storage/contract/stores.ts'
import type { MemoryOptions } from '#storage/options.ts'
import { coordination } from '#storage/rules/coordination.ts'
import { jobStorage, runStorage } from '#storage/rules/job-storage.ts'
import { watchJobs } from '#storage/rules/watch.ts'
import { MemoryConversations } from './conversations.ts'
import { MemoryDocuments } from './documents.ts'
import { MemoryImports } from './imports.ts'
import { MemoryJobRecords } from './job-records.ts'
import { MemoryPlans } from './plans.ts'
import { MemorySessionGroups } from './session-groups.ts'
import { MemoryShellHistory } from './shell-history.ts'

const LOCATION = 'memory of this process'

/** The reference implementation: every promise of the contract but those about other processes and restarts. */
export function openMemory(options: MemoryOptions): Stores {
  const jobs = new MemoryJobRecords()
  const conversations = new MemoryConversations()
  const sessionGroups = new MemorySessionGroups()
  const plans = new MemoryPlans()
  const shellHistory = new MemoryShellHistory(LOCATION)
  const imports = new MemoryImports({ conversations, sessionGroups, jobs, plans, shellHistory })
  const { hints = true, pollMs = 2_000, fullListMs = 60_000 } = options.watch ?? {}
  return {
    type: 'memory',
    location: LOCATION,
    capabilities: { shared: false, durable: false, multiHost: false },
    conversations,
    sessionGroups,
    scheduledJobs: {
      defaultTimezone: 'UTC',
      ...jobStorage(jobs),
      watch: ({ signal }) => watchJobs(jobs.watchSource(), { signal, hints, pollMs, fullListMs }),
    },
    jobRuns: runStorage(jobs),
    plans,
    shellHistory,
    coordination: {
      ...coordination(new MemoryDocuments()),
      importSources: () => imports.importSources(),
      restoreImports: (source, outcomes) => imports.restoreImports(source, outcomes),
      imported: (source) => imports.imported(source),
      import: (source, records) => imports.import(source, records),
    },
    health: async () => {},
    examine: async () => [],
    [Symbol.asyncDispose]: async () => {},
  }
}
