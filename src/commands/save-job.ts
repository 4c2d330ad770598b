import { StorageError } from '#storage/contract/errors.ts'
import type { ScheduledJob, ScheduledJobStorage, StoredJob } from '#storage/contract/scheduled-jobs.ts'

/** How often a change that fits whatever was saved meanwhile is tried. */
const ATTEMPTS = 5

/** Saves a changed definition if `revision` still is the stored one. Throws E_CONFLICT and says to try again. */
export async function saveChanged(
  jobs: Pick<ScheduledJobStorage, 'save'>,
  job: ScheduledJob,
  revision: string,
): Promise<StoredJob> {
  try {
    return await jobs.save(job, { expected: revision })
  } catch (error) {
    if (!isConflict(error)) throw error
    throw new StorageError(error.code, error.backend, `job ${job.id} was changed meanwhile, so nothing was saved`, {
      hint: `try again; infer schedules show ${job.id} shows it as it is now`,
      cause: error,
    })
  }
}

/** Pauses or resumes a job and leaves the rest of it to whoever changes that meanwhile; nothing is saved when it is so. */
export async function setEnabled(
  jobs: Pick<ScheduledJobStorage, 'save' | 'load'>,
  found: StoredJob,
  enabled: boolean,
  now: Date,
): Promise<StoredJob> {
  let job = found
  for (let attempt = 1; job.enabled !== enabled; attempt += 1) {
    try {
      return await saveChanged(jobs, { ...job, enabled, updatedAt: now }, job.revision)
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error
      job = await jobs.load(job.id)
    }
  }
  return job
}

export function isConflict(error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'E_CONFLICT'
}
