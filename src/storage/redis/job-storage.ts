import type { ScheduledJobStorage, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { ABSENT } from '#storage/contract/session-groups.ts'
import { field } from '#storage/rules/fields.ts'
import type { JobRecords } from '#storage/rules/job-records.ts'
import { checkJob, jobStorage } from '#storage/rules/job-storage.ts'
import { scheduleHash, storedJob } from '#storage/rules/revision.ts'
import type { RedisConnection } from './connection.ts'
import { readStored } from './corrupt.ts'
import { SAVE } from './job-scripts.ts'
import { jobToText } from './job-text.ts'
import { changesChannel, keys } from './keys.ts'
import { token } from './schema.ts'

/**
 * The shared rules, with a save of its own: what needs no judgement (no expected revision, and what is stored is as
 * this program wrote it) is one round trip.
 */
export function redisJobStorage(
  connection: RedisConnection,
  records: JobRecords,
): Pick<ScheduledJobStorage, 'save' | 'restore' | 'load' | 'list' | 'delete'> {
  const shared = jobStorage(records)
  return {
    ...shared,
    async save(job, options = {}) {
      const { expected } = options
      if (expected !== undefined && expected !== ABSENT) return await shared.save(job, options)
      checkJob(records, job)
      const rest = await connection.run<string | null>(
        SAVE,
        [keys.jobs + job.id, keys.jobIndex, keys.states, keys.generation],
        [
          job.id,
          jobToText(job),
          scheduleHash(job),
          token(),
          changesChannel(connection.address.db),
          token(),
          expected === ABSENT ? '1' : '0',
        ],
      )
      return rest === null ? await shared.save(job, options) : withOutcome(job, rest)
    },
  }
}

function withOutcome(job: Parameters<typeof storedJob>[0], rest: string): StoredJob {
  return readStored(`the scheduling state of job ${job.id} (${keys.states})`, rest, (doc) => {
    const lastRun = field.optionalDate(doc, 'last_run')
    const lastError = field.optionalText(doc, 'last_error')
    return storedJob(job, { ...(lastRun && { lastRun }), ...(lastError !== undefined && { lastError }) })
  })
}
