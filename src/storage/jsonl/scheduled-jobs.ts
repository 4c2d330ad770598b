import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobRunStorage, JobState } from '#storage/contract/job-runs.ts'
import type { ScheduledJobStorage } from '#storage/contract/scheduled-jobs.ts'
import type { JsonlOptions } from '#storage/options.ts'
import { checkId } from '#storage/rules/check.ts'
import { jobStorage, runStorage } from '#storage/rules/job-storage.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import { byNewestRun } from '#storage/rules/run-document.ts'
import { isOpen, isUndelivered } from '#storage/rules/run-transitions.ts'
import { watchJobs } from '#storage/rules/watch.ts'
import { JobDefinitions } from './job-definitions.ts'
import { FileJobRecords } from './job-records.ts'
import { type JobStates, jobStates } from './job-states.ts'
import { JobWatch } from './job-watch.ts'
import type { Locks } from './locks.ts'
import { makeDirectory } from './replace-file.ts'
import { RunHistory } from './run-history.ts'

export interface JobDomain {
  readonly records: FileJobRecords
  readonly scheduledJobs: Omit<ScheduledJobStorage, 'defaultTimezone'>
  readonly jobRuns: JobRunStorage
}

/** Definitions, scheduling states and runs; apart from the rest because only they need the YAML library. */
export function openJobs(options: JsonlOptions, locks: Locks): JobDomain {
  const definitions = new JobDefinitions(options.schedulesDir, options.warn, options.readOnly)
  const states = jobStates(join(options.runsDir, 'states'), options.readOnly)
  const records = new FileJobRecords({
    definitions,
    states,
    history: new RunHistory(options.runsDir),
    locks,
    lockDirectory: join(options.runsDir, 'locks'),
    readOnly: options.readOnly,
  })
  const rules = jobStorage(records)
  const runs = runStorage(records)
  const { hints = true, pollMs = 2_000, fullListMs = 60_000 } = options.watch ?? {}
  return {
    records,
    jobRuns: {
      ...runs,
      trackAll: () => trackAll(records, runs),
      list: listRuns(states, runs),
      restore: async (jobId, given) => {
        // A state without the directory of its definition stands for one that was taken away.
        makeDirectory(options.schedulesDir)
        await runs.restore(jobId, given)
      },
    },
    scheduledJobs: {
      restore: rules.restore,
      list: rules.list,
      delete: rules.delete,
      save: (job, options) => records.save(job, options),
      async load(id) {
        checkId('jsonl', 'job', id)
        const job = await records.stored(id)
        if (!job) throw new StorageError('E_NOT_FOUND', 'jsonl', `there is no job ${id}`)
        return job
      },
      watch: ({ signal }) => watchJobs(new JobWatch(definitions, records), { signal, hints, pollMs, fullListMs }),
    },
  }
}

/** New files of definitions are tracked many at a time: 10,000 one by one take half a minute of syncs. */
async function trackAll(records: FileJobRecords, runs: JobRunStorage): Promise<Map<string, JobState>> {
  const states = await records.states()
  const { jobs } = await records.jobs()
  const untracked = jobs.filter((job) => states.get(job.id)?.scheduleHash !== scheduleHash(job)).map(({ id }) => id)
  const tracked = await records.trackNew(untracked.filter((id) => !states.has(id)))
  for (const [id, state] of tracked) states.set(id, state)
  for (const id of untracked) {
    if (tracked.has(id)) continue
    try {
      states.set(id, await runs.track(id))
    } catch (error) {
      const gone = error instanceof StorageError && (error.code === 'E_NOT_FOUND' || error.code === 'E_CORRUPT')
      if (!gone) throw error
    }
  }
  return states
}

/** As the rules list them; but open and undelivered runs of all jobs are picked from the states without a copy of these. */
function listRuns(states: JobStates, runs: JobRunStorage): JobRunStorage['list'] {
  return async (options) => {
    const { jobId, only, limit } = options
    if (jobId !== undefined || only === undefined) return await runs.list(options)
    await turn()
    const wanted = only === 'open' ? isOpen : isUndelivered
    const found: JobRun[] = []
    for (const [, record] of states.entries()) {
      if (record instanceof StorageError) throw record
      for (const run of record.body.state?.runs ?? []) if (wanted(run)) found.push(run)
    }
    found.sort(byNewestRun)
    return limit > 0 ? found.slice(0, limit) : found
  }
}
