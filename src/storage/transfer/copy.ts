import type { Damage, DomainName } from '#storage/contract/damage.ts'
import { DOMAINS } from '#storage/contract/damage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { copyConversations } from './copy-conversations.ts'
import { copyJobs, copyRuns } from './copy-jobs.ts'
import { copyCoordination, copyGroups, copyHistory, copyImports, copyPlans } from './copy-small.ts'
import { compareDomain, type DomainComparison } from './domain-hash.ts'

/** What became of one domain. */
export interface DomainCopy {
  readonly domain: DomainName
  /** Records that the source has and that can be read. */
  read: number
  /** Written to the target; with `dryRun`, what would be. */
  written: number
  /** At the target already, and equal. */
  skipped: number
  /** At the target already, and another one: left alone. */
  conflicts: number
}

export interface CopyReport {
  readonly domains: readonly DomainCopy[]
  /** What could not be copied, and why. */
  readonly problems: readonly Damage[]
  /** Both sides read again; empty with `dryRun`. */
  readonly verified: readonly DomainComparison[]
}

export interface CopyOptions {
  readonly dryRun: boolean
  readonly signal: AbortSignal
  /** Called often; `total` is undefined while it is not known. */
  readonly progress: (step: { domain: DomainName; verifying: boolean; done: number; total: number | undefined }) => void
}

/** What the parts of a copy share. */
export interface CopyRun extends Pick<CopyOptions, 'dryRun' | 'signal'> {
  readonly from: Stores
  readonly to: Stores
  readonly count: (domain: DomainName, what: keyof Omit<DomainCopy, 'domain'>, by?: number) => void
  readonly tell: (damage: Damage) => void
  /** Notes a record that another one at the target stands in the way of. */
  readonly conflict: (domain: DomainName, id: string, problem?: string) => void
  readonly total: (domain: DomainName, total: number) => void
}

/**
 * Copies every domain into a store that may hold a part of it already, then reads both sides again and compares.
 *
 * Nothing at the target is ever changed: what is there and equal is passed over, what is there and differs is a
 * conflict. So a copy that was ended at any moment goes on when it is started again. Each record is written as a whole,
 * states and runs before the jobs they belong to, so that no moment of the copy lets a fire run twice. What cannot be
 * read is told, and the rest is copied. Memory does not grow with the number of conversations but for their ids.
 *
 * Nobody else may write to either side meanwhile. Throws the reason of the signal, and what the stores throw.
 */
export async function copyStores(from: Stores, to: Stores, options: CopyOptions): Promise<CopyReport> {
  const { dryRun, signal, progress } = options
  const domains = new Map(
    DOMAINS.map((domain) => [domain, { domain, read: 0, written: 0, skipped: 0, conflicts: 0 } satisfies DomainCopy]),
  )
  const problems: Damage[] = []
  const totals = new Map<DomainName, number>()
  const run: CopyRun = {
    from,
    to,
    dryRun,
    signal,
    count(domain, what, by = 1) {
      const counted = domains.get(domain)
      if (!counted) return
      counted[what] += by
      const done = counted.written + counted.skipped + counted.conflicts
      progress({ domain, verifying: false, done, total: totals.get(domain) })
    },
    tell: (damage) => void problems.push(damage),
    conflict(domain, id, problem = `the ${to.type} side has another one already, which is left as it is`) {
      run.count(domain, 'conflicts')
      problems.push({
        domain,
        id,
        problem,
        cure: `compare both, remove the one at ${to.type} or at ${from.type}, and copy again`,
      })
    },
    total: (domain, total) => void totals.set(domain, total),
  }
  for (const copy of STEPS) {
    signal.throwIfAborted()
    await copy(run)
  }
  const verified: DomainComparison[] = []
  for (const domain of dryRun ? [] : DOMAINS) {
    progress({ domain, verifying: true, done: 0, total: undefined })
    verified.push(await compareDomain(domain, { from, to }, () => {}, signal))
  }
  return { domains: [...domains.values()], problems, verified }
}

const STEPS = [
  copyConversations,
  copyGroups,
  copyRuns,
  copyJobs,
  copyPlans,
  copyHistory,
  copyCoordination,
  copyImports,
] as const
