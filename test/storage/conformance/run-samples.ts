import type { ClaimRequest, JobRun } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { job, request } from './samples.ts'

export const AGENT = { pid: 4711, host: 'host-1', sessionId: 'session-1' }
export const REAPER = { owner: 'daemon-2', host: 'host-2', token: 'reaper-token' }

/** A stored job and the moments at which it may be claimed: each `fire(n)` is later than the one before and due. */
export interface Due {
  stored: StoredJob
  fire(n: number): Date
  claim(n: number, changes?: Partial<ClaimRequest>): Promise<JobRun>
}

/** Saves a job whose fires are due from the first millisecond after its cursor. */
export async function dueJob(stores: Stores, id: string, changes: Partial<ScheduledJob> = {}): Promise<Due> {
  const stored = await stores.scheduledJobs.save(job(id, changes))
  const cursor = (await stores.jobRuns.state(id))?.cursor.getTime() ?? Number.NaN
  const fire = (n: number) => new Date(cursor + n)
  return {
    stored,
    fire,
    async claim(n, requested) {
      const result = await stores.jobRuns.claim(request(stored, fire(n), requested))
      if (!result.claimed) throw new Error(`not claimed: ${result.refusal}`)
      return result.run
    },
  }
}

/** Claims, starts and finishes a fire. */
export async function runThrough(
  stores: Stores,
  due: Due,
  n: number,
  end: Parameters<Stores['jobRuns']['finish']>[2] = { state: 'succeeded', output: `output ${n}` },
): Promise<JobRun> {
  const run = await due.claim(n)
  await stores.jobRuns.start(run.id, run.fence, AGENT)
  return await stores.jobRuns.finish(run.id, run.fence, end)
}
