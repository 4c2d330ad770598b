import { byDomain, type Damage } from '#storage/contract/damage.ts'
import type { JobRunStorage } from '#storage/contract/job-runs.ts'
import type { ScheduledJobChange, ScheduledJobStorage } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { WatchTuning } from '#storage/options.ts'
import { coordination } from '#storage/rules/coordination.ts'
import { checkJob, jobStorage, runStorage } from '#storage/rules/job-storage.ts'
import { byNewestRun } from '#storage/rules/run-document.ts'
import { isOpen, isUndelivered } from '#storage/rules/run-transitions.ts'
import { watchJobs } from '#storage/rules/watch.ts'
import { conversations } from './conversations.ts'
import type { SqlDatabase } from './database.ts'
import { documents } from './documents.ts'
import { imports } from './imports.ts'
import { SqlJobRecords } from './job-records.ts'
import { checkVersion, type Schema, storedVersion } from './migrations.ts'
import { plans } from './plans.ts'
import { sessionGroups } from './session-groups.ts'
import { shellHistory } from './shell-history.ts'
import type { WatchedJobs } from './watch-source.ts'

/** What an engine adds to the domains that stand in its rows. */
export interface Engine {
  readonly location: string
  readonly multiHost: boolean
  /** What this release has made of the database. */
  readonly schema: Schema
  readonly tuning: Required<WatchTuning>
  /** For a new watch. */
  watchSource(records: SqlJobRecords): WatchedJobs
  /** What is damaged below the tables, which the engine knows of itself. */
  examine(db: SqlDatabase): Promise<Damage[]>
  close(): Promise<void>
}

/** Every domain over an open database. */
export function sqlStores(db: SqlDatabase, engine: Engine): Stores {
  const records = new SqlJobRecords(db)
  const closing = new AbortController()
  return {
    type: db.backend,
    location: engine.location,
    capabilities: { shared: true, durable: true, multiHost: engine.multiHost },
    conversations: conversations(db),
    sessionGroups: sessionGroups(db),
    scheduledJobs: {
      defaultTimezone: 'UTC',
      ...jobStorage(records),
      save: saveJob(records),
      watch: ({ signal }) => watch(engine, records, AbortSignal.any([signal, closing.signal])),
    },
    jobRuns: { ...runStorage(records), list: listRuns(records) },
    plans: plans(db),
    shellHistory: shellHistory(db, engine.location),
    coordination: { ...coordination(documents(db)), ...imports(db) },
    health: async () => checkVersion(db.backend, engine.location, await storedVersion(db), engine.schema),
    examine: async () => {
      const { examineTables } = await import('./examine.ts')
      return [...(await engine.examine(db)), ...(await examineTables(db))].sort(byDomain)
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await engine.close()
    },
  }
}

/** As the rules save, in one step where that can be. */
function saveJob(records: SqlJobRecords): ScheduledJobStorage['save'] {
  const all = jobStorage(records)
  return async (job, options = {}) => {
    checkJob(records, job)
    return (await records.saveAtOnce(job, options.expected)) ?? (await all.save(job, options))
  }
}

async function* watch(engine: Engine, records: SqlJobRecords, signal: AbortSignal): AsyncGenerator<ScheduledJobChange> {
  await using source = engine.watchSource(records)
  yield* watchJobs(source, { signal, ...engine.tuning })
}

/** As the rules list them, but of all jobs only those are read that have such a run. */
function listRuns(records: SqlJobRecords): JobRunStorage['list'] {
  const all = runStorage(records)
  return async (options) => {
    const { jobId, only, limit } = options
    if (jobId !== undefined || only === undefined) return await all.list(options)
    const wanted = only === 'open' ? isOpen : isUndelivered
    const states = await records.unsettledStates()
    const runs = [...states.values()].flatMap((state) => state.runs.filter(wanted)).sort(byNewestRun)
    return limit > 0 ? runs.slice(0, limit) : runs
  }
}
