import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { jobDefinition } from '#storage/rules/job-document.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import { attempt, damageOf } from './attempt.ts'
import type { CopyRun } from './copy.ts'
import { inParallel } from './copy-window.ts'
import { jobText, readableJobs, runsOfJob, runText, stateText } from './domain-records.ts'

/** Jobs at once, and runs in one step. */
const WIDTH = 8
const RUNS = 50

/** Schedule hash of a state that fits no definition, so that the first daemon starts the schedule at its now. */
const FITS_NONE = '0'

/** The scheduling state of every job, and its runs: those that cannot change first, the others with the state. */
export async function copyRuns(run: CopyRun): Promise<void> {
  const { from, tell, signal } = run
  const jobs = await readableJobs(from, () => {})
  const ids = [...new Set([...(await from.jobRuns.jobIds()), ...jobs.keys()])].sort()
  run.total('job_states', ids.length)
  await inParallel(ids, WIDTH, async (id) => {
    signal.throwIfAborted()
    const job = jobs.get(id)
    const state = await attempt('job_states', id, tell, () => from.jobRuns.state(id))
    const runs = await runsOfJob(from, id, tell)
    const wanted = targetState(run, state, job)
    const open = new Set(wanted?.runs.map((one) => one.id))
    await copySettled(
      run,
      id,
      runs.filter((one) => !open.has(one.id)),
    )
    if (wanted) await copyState(run, id, wanted, job)
  })
}

async function copySettled({ to, dryRun, count, conflict }: CopyRun, jobId: string, runs: readonly JobRun[]) {
  if (runs.length === 0) return
  count('job_runs', 'read', runs.length)
  const stored = new Map((await runsOfJob(to, jobId, () => {})).map((one) => [one.id, runText(one)]))
  const missing: JobRun[] = []
  for (const run of runs) {
    const there = stored.get(run.id)
    if (there === undefined) missing.push(run)
    else if (there === runText(run)) count('job_runs', 'skipped')
    else conflict('job_runs', run.id)
  }
  for (let n = 0; n < missing.length; n += RUNS) {
    const some = missing.slice(n, n + RUNS)
    if (!dryRun) await to.jobRuns.restore(jobId, { runs: some })
    count('job_runs', 'written', some.length)
  }
}

async function copyState(run: CopyRun, id: string, wanted: JobState, job: StoredJob | undefined): Promise<void> {
  const { to, dryRun, count, conflict } = run
  const definition = job && targetJob(run, job)
  const text = stateText(wanted, definition)
  // A state that only carries the outcome of the last run counts as a part of its job.
  const counts = text === undefined ? 0 : 1
  count('job_states', 'read', counts)
  count('job_runs', 'read', wanted.runs.length)
  const stored = await attempt(
    'job_states',
    id,
    () => {},
    () => to.jobRuns.state(id),
  )
  if (stored) {
    if (stateText(stored, definition) !== text) {
      conflict('job_states', id)
      count('job_runs', 'conflicts', wanted.runs.length)
      return
    }
    count('job_states', 'skipped', counts)
    count('job_runs', 'skipped', wanted.runs.length)
    return
  }
  try {
    if (!dryRun) await to.jobRuns.restore(id, { state: wanted, runs: [] })
    count('job_states', 'written', counts)
    count('job_runs', 'written', wanted.runs.length)
  } catch (error) {
    if (!isRefusal(error)) throw error
    conflict('job_states', id, error.message)
    count('job_runs', 'conflicts', wanted.runs.length)
  }
}

export async function copyJobs(run: CopyRun): Promise<void> {
  const { from, to, tell, signal, dryRun, count, conflict } = run
  const [jobs, stored] = await Promise.all([readableJobs(from, tell), readableJobs(to, () => {})])
  run.total('scheduled_jobs', jobs.size)
  await inParallel([...jobs.values()], WIDTH, async (job) => {
    signal.throwIfAborted()
    count('scheduled_jobs', 'read')
    const there = stored.get(job.id)
    const text = jobText(job, from.scheduledJobs.defaultTimezone)
    if (there && jobText(there, to.scheduledJobs.defaultTimezone) === text) return count('scheduled_jobs', 'skipped')
    if (there) return conflict('scheduled_jobs', job.id)
    try {
      if (dryRun || (await to.scheduledJobs.restore(targetJob(run, job)))) count('scheduled_jobs', 'written')
      else conflict('scheduled_jobs', job.id)
    } catch (error) {
      if (!isRefusal(error)) throw error
      conflict('scheduled_jobs', job.id, damageOf('scheduled_jobs', job.id, error).problem)
    }
  })
}

/** A job without a zone follows the backend's default; where that is another one, its zone is written down. */
function targetJob({ from, to }: Pick<CopyRun, 'from' | 'to'>, job: StoredJob): ScheduledJob {
  const definition = jobDefinition(job)
  const zone = from.scheduledJobs.defaultTimezone
  if (definition.timezone !== undefined || zone === to.scheduledJobs.defaultTimezone) return definition
  return { ...definition, timezone: zone }
}

/** The state as the target needs it: it fits the target's definition as it fits the source's. */
function targetState(run: CopyRun, state: JobState | undefined, job: StoredJob | undefined): JobState | undefined {
  if (!job) return state
  const { lastRun, lastError } = job
  if (!state && !lastRun && lastError === undefined) return undefined
  const { lastRun: _, lastError: __, ...rest } = state ?? freshState()
  const fits = rest.scheduleHash === scheduleHash(job)
  return {
    ...rest,
    scheduleHash: fits ? scheduleHash(targetJob(run, job)) : rest.scheduleHash,
    ...(lastRun && { lastRun }),
    ...(lastError !== undefined && { lastError }),
  }
}

function freshState(): JobState {
  return { scheduleHash: FITS_NONE, cursor: new Date(0), runs: [], failures: 0 }
}

function isRefusal(error: unknown): error is StorageError {
  return error instanceof StorageError && (error.code === 'E_CONFLICT' || error.code === 'E_CORRUPT')
}
