import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { job } from './samples.ts'

/** Takes so many jobs in at once, each with its cursor at the store's now. */
export async function seedJobs(stores: Stores, count: number, changes: Partial<ScheduledJob>): Promise<void> {
  const records = Array.from({ length: count }, (_, n) => {
    const id = `job-${n}`
    return { kind: 'job' as const, key: id, job: job(id, { name: `Report ${n}`, ...changes }) }
  })
  const outcomes = await stores.coordination.import('bench', records)
  const taken = [...outcomes.values()].filter((outcome) => outcome === 'import').length
  if (taken !== count) throw new Error(`${stores.location}: ${taken} of ${count} jobs were taken in`)
}
