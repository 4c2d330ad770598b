import type { JobRunStorage } from '#storage/contract/job-runs.ts'
import type { JobRecords } from '#storage/rules/job-records.ts'
import { runStorage } from '#storage/rules/job-storage.ts'
import { byNewestRun } from '#storage/rules/run-document.ts'
import { isOpen, isUndelivered } from '#storage/rules/run-transitions.ts'
import type { RedisConnection } from './connection.ts'
import { unsettledStates } from './job-records.ts'

/** The shared rules; but of all jobs only those are read that have an open or undelivered run. */
export function redisJobRuns(connection: RedisConnection, records: JobRecords): JobRunStorage {
  const shared = runStorage(records)
  return {
    ...shared,
    async list(options) {
      const { jobId, only, limit } = options
      if (jobId !== undefined || only === undefined) return await shared.list(options)
      const wanted = only === 'open' ? isOpen : isUndelivered
      const states = await unsettledStates(connection)
      const runs = [...states.values()].flatMap((state) => state.runs.filter(wanted)).sort(byNewestRun)
      return limit > 0 ? runs.slice(0, limit) : runs
    },
  }
}
