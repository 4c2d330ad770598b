import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobRunStorage, JobState } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, ScheduledJobStorage, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { ABSENT } from '#storage/contract/session-groups.ts'
import { checkDate, checkDocument, checkId, checkText } from './check.ts'
import { type Decision, type JobRecord, type JobRecords, transact } from './job-records.ts'
import { restoreRuns } from './restore-runs.ts'
import { jobRevision, scheduleHash, storedJob } from './revision.ts'
import { byNewestRun } from './run-document.ts'
import {
  decideClaim,
  decideClaimDelivery,
  decideFinish,
  decideFinishDelivery,
  decideReap,
  decideRenew,
  decideStart,
  freshState,
  isOpen,
  isSameEnd,
  isUndelivered,
  Refused,
  stateForDefinition,
} from './run-transitions.ts'

const TEXTS = [
  ['name', 'name'],
  ['description', 'description'],
  ['cron_expression', 'cronExpression'],
  ['timezone', 'timezone'],
  ['prompt', 'prompt'],
  ['channel', 'channel'],
  ['recipient_id', 'recipientId'],
  ['model', 'model'],
] as const

/** Refuses a definition that some backend could not keep: E_INVALID. */
export function checkJob(records: Pick<JobRecords, 'backend'>, job: ScheduledJob): void {
  checkId(records.backend, 'job', job.id)
  checkDate(records.backend, `createdAt of job ${job.id}`, job.createdAt)
  checkDate(records.backend, `updatedAt of job ${job.id}`, job.updatedAt)
  for (const [name, key] of TEXTS) {
    const text = job[key]
    if (text !== undefined) checkText(records.backend, `${name} of job ${job.id}`, text)
  }
}

/** How a save decides on a record. Refuses what cannot be kept at once: E_INVALID. */
export function decideSave(
  backend: BackendName,
  job: ScheduledJob,
  { expected }: Parameters<ScheduledJobStorage['save']>[1] = {},
): (record: JobRecord) => Decision<StoredJob> {
  checkJob({ backend }, job)
  const revision = jobRevision(job)
  return (record) => {
    if (record.unreadable) throw record.unreadable
    const stored = record.job && jobRevision(record.job)
    const state = stateForDefinition(record, job)
    const answer = storedJob(job, state ?? record.state)
    if (stored === revision && !state) return { answer }
    if (expected === ABSENT && stored !== undefined) {
      throw new StorageError('E_CONFLICT', backend, `job ${job.id} exists already`)
    }
    if (expected !== undefined && expected !== ABSENT) {
      if (stored === undefined) throw noJob(backend, job.id)
      if (stored !== expected) throw new StorageError('E_CONFLICT', backend, `job ${job.id} was changed meanwhile`)
    }
    return { answer, write: { expectJob: stored ?? 'absent', job: { put: job }, ...(state && { state }) } }
  }
}

function noJob(backend: BackendName, id: string): StorageError {
  return new StorageError('E_NOT_FOUND', backend, `there is no job ${id}`)
}

/** `ScheduledJobStorage` but `watch`, over the records of a backend. */
export function jobStorage(
  records: JobRecords,
): Pick<ScheduledJobStorage, 'save' | 'restore' | 'load' | 'list' | 'delete'> {
  const { backend } = records
  return {
    async save(job, options) {
      return await transact(records, job.id, decideSave(backend, job, options))
    },
    async restore(job) {
      checkJob(records, job)
      return await transact(records, job.id, (record) => {
        if (record.unreadable) throw record.unreadable
        if (record.job) return { answer: false }
        return { answer: true, write: { expectJob: 'absent', job: { put: job } } }
      })
    },
    async load(id) {
      checkId(backend, 'job', id)
      const { job, state, unreadable } = await records.read(id)
      if (unreadable) throw unreadable
      if (!job) throw noJob(backend, id)
      return storedJob(job, state)
    },
    async list() {
      return await records.jobs()
    },
    async delete(id) {
      checkId(backend, 'job', id)
      await transact(records, id, (record) => {
        if (record.unreadable) throw record.unreadable
        if (!record.job) throw noJob(backend, id)
        const needed = record.state?.runs.some((run) => isOpen(run) || isUndelivered(run))
        return { answer: undefined, write: { job: 'remove', ...(record.state && !needed && { state: 'remove' }) } }
      })
    },
  }
}

/** `JobRunStorage` over the records of a backend. */
export function runStorage(records: JobRecords): JobRunStorage {
  const { backend } = records
  const missing = (runId: string) => new StorageError('E_NOT_FOUND', backend, `there is no run ${runId}`)

  async function change<T>(runId: string, decide: (record: JobRecord) => Decision<T>, given?: unknown): Promise<T> {
    checkId(backend, 'run', runId)
    checkDocument(backend, `what was given for run ${runId}`, given)
    const jobId = await records.jobOf(runId)
    if (jobId === undefined) throw missing(runId)
    try {
      return await transact(records, jobId, decide)
    } catch (error) {
      if (error instanceof Refused) throw new StorageError('E_CONFLICT', backend, error.message)
      throw error
    }
  }

  async function get(runId: string): Promise<JobRun> {
    checkId(backend, 'run', runId)
    const run = await records.run(runId)
    if (!run) throw missing(runId)
    return run
  }

  async function track(jobId: string): Promise<JobState> {
    checkId(backend, 'job', jobId)
    return await transact(records, jobId, (record) => {
      const { job, state, unreadable } = record
      if (unreadable) throw unreadable
      if (!job) throw noJob(backend, jobId)
      if (state?.scheduleHash === scheduleHash(job)) return { answer: state }
      const fresh = freshState(job, record.now, state)
      return { answer: fresh, write: { expectJob: jobRevision(job), state: fresh } }
    })
  }

  return {
    now: () => records.now(),
    states: () => records.states(),
    jobIds: async () => [...new Set(await records.jobIds())].sort(),
    restore: (jobId, given) => restoreRuns(records, jobId, given),
    get,
    async state(jobId) {
      checkId(backend, 'job', jobId)
      return (await records.read(jobId)).state
    },
    track,
    async trackAll() {
      const [{ jobs }, states] = await Promise.all([records.jobs(), records.states()])
      for (const job of jobs) {
        if (states.get(job.id)?.scheduleHash === scheduleHash(job)) continue
        try {
          states.set(job.id, await track(job.id))
        } catch (error) {
          const gone = error instanceof StorageError && (error.code === 'E_NOT_FOUND' || error.code === 'E_CORRUPT')
          if (!gone) throw error
        }
      }
      return states
    },
    async claim(request) {
      checkId(backend, 'job', request.jobId)
      const { missed } = request
      for (const date of [request.scheduledFor, ...(missed ? [missed.first, missed.last] : [])]) {
        checkDate(backend, `fire of job ${request.jobId}`, date)
      }
      checkDocument(backend, `claim of job ${request.jobId}`, request)
      return await transact(records, request.jobId, (record) => decideClaim(record, request, () => crypto.randomUUID()))
    },
    start: (runId, fence, by) => change(runId, (record) => decideStart(record, runId, fence, by), by),
    renew: (runId, fence) => change(runId, (record) => decideRenew(record, runId, fence)),
    async finish(runId, fence, end) {
      try {
        return await change(runId, (record) => decideFinish(record, runId, fence, end), end)
      } catch (error) {
        if (!(error instanceof StorageError && error.code === 'E_CONFLICT')) throw error
        const run = await get(runId)
        if (isSameEnd(run, fence, end)) return run
        throw error
      }
    },
    reap: (runId, seen, claimant) =>
      change(runId, (record) => decideReap(record, runId, seen, claimant), { seen, claimant }),
    async list({ jobId, limit, only }) {
      if (jobId !== undefined) checkId(backend, 'job', jobId)
      if (only === undefined) return await records.history({ limit, ...(jobId !== undefined && { jobId }) })
      const wanted = only === 'open' ? isOpen : isUndelivered
      const states =
        jobId === undefined ? await records.states() : new Map([[jobId, (await records.read(jobId)).state]])
      const runs = [...states.values()].flatMap((state) => state?.runs.filter(wanted) ?? []).sort(byNewestRun)
      return limit > 0 ? runs.slice(0, limit) : runs
    },
    async prune(jobId, keep) {
      checkId(backend, 'job', jobId)
      const { state } = await records.read(jobId)
      return await records.prune(jobId, Math.max(0, keep), new Set(state?.runs.map((run) => run.id)))
    },
    claimDelivery: (runId, fence) => change(runId, (record) => decideClaimDelivery(record, runId, fence)),
    finishDelivery: (runId, fence, end) =>
      change(runId, (record) => decideFinishDelivery(record, runId, fence, end), end),
  }
}
