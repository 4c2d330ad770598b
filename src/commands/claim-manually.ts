import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { InferError } from '#errors.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'

/** How often a claim is tried while the job or its runs change. */
const ATTEMPTS = 5

/**
 * Takes a manual run of a job for this process, also of a paused one. Throws E_FAILED that names the open run when the
 * job's active slot is taken.
 */
export async function claimManually(
  { scheduledJobs, jobRuns }: Pick<Stores, 'scheduledJobs' | 'jobRuns'>,
  found: StoredJob,
): Promise<JobRun> {
  const owner = `manual:${randomUUID()}`
  let job = found
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const result = await jobRuns.claim({
      jobId: job.id,
      revision: job.revision,
      scheduledFor: wholeSecond(await jobRuns.now()),
      trigger: 'manual',
      owner,
      host: hostname(),
      token: randomUUID(),
    })
    if (result.claimed) return result.run
    if (result.refusal === 'skipped') {
      const [open] = await jobRuns.list({ jobId: job.id, limit: 1, only: 'open' })
      if (open !== undefined) throw stillOpen(job, open)
    } else {
      job = await scheduledJobs.load(job.id)
    }
  }
  throw new InferError('E_FAILED', `job ${job.id} changes all the time, so it was not run`, { hint: 'try again' })
}

function wholeSecond(moment: Date): Date {
  return new Date(Math.floor(moment.getTime() / 1_000) * 1_000)
}

function stillOpen(
  { id, name }: StoredJob,
  { id: runId, state, host, trigger, startedAt, claimedAt }: JobRun,
): InferError {
  const since = (startedAt ?? claimedAt)?.toISOString()
  const where = `${state} on ${host ?? 'a host'}${since === undefined ? '' : ` since ${since}`}, trigger ${trigger}`
  return new InferError(
    'E_FAILED',
    `run ${runId} of job ${name ?? id} has not ended (${where}), so no other was begun`,
    {
      hint: 'wait for it; a run whose process has died is settled by infer channels-manager, on any host, within a minute or so',
    },
  )
}
