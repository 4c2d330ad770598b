import type { ImportRecord } from '#storage/contract/coordination.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkImport } from '#storage/rules/check-records.ts'
import { freshState } from '#storage/rules/run-transitions.ts'
import type { MemoryConversations } from './conversations.ts'
import type { MemoryJobRecords } from './job-records.ts'
import type { MemoryPlans } from './plans.ts'
import type { MemorySessionGroups } from './session-groups.ts'
import type { MemoryShellHistory } from './shell-history.ts'

type Outcome = 'import' | 'already'

interface Targets {
  readonly conversations: MemoryConversations
  readonly sessionGroups: MemorySessionGroups
  readonly jobs: MemoryJobRecords
  readonly plans: MemoryPlans
  readonly shellHistory: MemoryShellHistory
}

/** The ledger of imports: per source, the keys that were dealt with. */
export class MemoryImports {
  readonly #targets: Targets
  readonly #ledger = new Map<string, Map<string, Outcome>>()

  constructor(targets: Targets) {
    this.#targets = targets
  }

  async imported(source: string): Promise<Map<string, Outcome>> {
    checkKey('memory', 'source', source)
    return new Map(this.#ledger.get(source))
  }

  async importSources(): Promise<string[]> {
    return [...this.#ledger.keys()].sort()
  }

  async restoreImports(source: string, outcomes: ReadonlyMap<string, Outcome>): Promise<void> {
    checkKey('memory', 'source', source)
    this.#ledger.set(source, new Map([...outcomes, ...(this.#ledger.get(source) ?? [])]))
  }

  async import(source: string, records: readonly ImportRecord[]): Promise<Map<string, Outcome>> {
    checkKey('memory', 'source', source)
    for (const record of records) checkImport('memory', record)
    const outcomes = new Map<string, Outcome>()
    for (const record of records) outcomes.set(record.key, await this.#takeIn(source, record))
    return outcomes
  }

  async #takeIn(source: string, record: ImportRecord): Promise<Outcome> {
    const job = record.kind === 'job' ? await this.#targets.jobs.read(record.job.id) : undefined
    const ledger = this.#ledger.get(source) ?? new Map<string, Outcome>()
    this.#ledger.set(source, ledger)
    if (ledger.has(record.key)) return 'already'
    const outcome = this.#write(record, job) ? 'import' : 'already'
    ledger.set(record.key, outcome)
    return outcome
  }

  /** Without a wait, so that the record and its ledger row stand together. */
  #write(record: ImportRecord, stored: Awaited<ReturnType<MemoryJobRecords['read']>> | undefined): boolean {
    const { conversations, sessionGroups, jobs, plans, shellHistory } = this.#targets
    switch (record.kind) {
      case 'seen':
        return false
      case 'history':
        shellHistory.takeIn(record.command)
        return true
      case 'plan':
        return plans.takeIn(record.plan)
      case 'conversation':
        return conversations.takeIn(record.conversation)
      case 'session_group':
        return sessionGroups.takeIn(record.groupKey, record.group)
      case 'job': {
        if (stored === undefined || stored.job) return false
        const { job, lastRun, lastError } = record
        const state = {
          ...freshState(job, stored.now, stored.state),
          ...(lastRun && { lastRun }),
          ...(lastError !== undefined && { lastError }),
        }
        return jobs.writeNow(job.id, { version: stored.version, expectJob: 'absent', job: { put: job }, state })
      }
    }
  }
}
