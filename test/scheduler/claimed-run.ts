import { randomUUID } from 'node:crypto'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openMemory } from '#storage/memory/open.ts'

/** A job in a store of its own, and a claim of a manual run of it. */
export async function claimedRun(
  more: Partial<ScheduledJob> = {},
): Promise<{ stores: Stores; run: JobRun; claimant: { owner: string; host: string; token: string } }> {
  const stores = openMemory({ type: 'memory', warn: () => {} })
  const at = new Date()
  const { id, revision } = await stores.scheduledJobs.save({
    id: randomUUID(),
    cronExpression: '@hourly',
    timezone: 'UTC',
    prompt: 'say hello',
    runOnce: false,
    enabled: true,
    catchUp: 'latest',
    overlap: 'skip',
    createdAt: at,
    updatedAt: at,
    ...more,
  })
  const claimant = { owner: 'daemon-1', host: 'host-1', token: randomUUID() }
  const request = { ...claimant, jobId: id, revision, scheduledFor: new Date(), trigger: 'manual' as const }
  const result = await stores.jobRuns.claim(request)
  if (!result.claimed) throw new Error(`the claim was refused: ${result.refusal}`)
  return { stores, run: result.run, claimant }
}
