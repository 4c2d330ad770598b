import { findReadable } from '#commands/find-record.ts'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'

/** The job that an argument means: an id, a unique beginning of one, or a unique name. */
export async function findJob(stores: Pick<Stores, 'scheduledJobs'>, argument: string): Promise<StoredJob> {
  const { jobs, unreadable } = await stores.scheduledJobs.list()
  return findReadable(jobs, unreadable, argument, 'job')
}

/** `findJob` for several arguments, in their order; a job that is meant twice is there once. */
export async function findJobs(stores: Pick<Stores, 'scheduledJobs'>, wanted: readonly string[]): Promise<StoredJob[]> {
  const { jobs, unreadable } = await stores.scheduledJobs.list()
  return [...new Set(wanted.map((argument) => findReadable(jobs, unreadable, argument, 'job')))]
}
