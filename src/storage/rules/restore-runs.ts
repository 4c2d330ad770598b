import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import { checkDate, checkDocument, checkId } from './check.ts'
import { type JobRecords, transact } from './job-records.ts'
import { runToDocument, stateToDocument } from './run-document.ts'

/** `restore` of `JobRunStorage`: the compare-and-set of a claim, without its judgement. */
export async function restoreRuns(
  records: JobRecords,
  jobId: string,
  { state, runs }: { state?: JobState; runs: readonly JobRun[] },
): Promise<void> {
  check(records, jobId, state, runs)
  const missing: JobRun[] = []
  for (const run of runs) {
    const stored = await records.run(run.id)
    if (!stored) missing.push(run)
    else if (textOf(stored) !== textOf(run)) throw conflict(records, `run ${run.id}`)
  }
  const given = new Set(missing.map((run) => run.id))
  await transact(records, jobId, (record) => {
    const puts = state !== undefined && record.state === undefined
    if (state && record.state && stateText(record.state) !== stateText(state)) {
      throw conflict(records, `the scheduling state of job ${jobId}`)
    }
    const open = puts ? state.runs.filter((run) => !given.has(run.id)) : []
    if (!puts && missing.length === 0) return { answer: undefined }
    return { answer: undefined, write: { ...(puts && { state }), runs: [...missing, ...open] } }
  })
}

function check(
  { backend }: Pick<JobRecords, 'backend'>,
  jobId: string,
  state: JobState | undefined,
  runs: readonly JobRun[],
): void {
  checkId(backend, 'job', jobId)
  if (state) checkDate(backend, `cursor of job ${jobId}`, state.cursor)
  for (const run of [...runs, ...(state?.runs ?? [])]) {
    checkId(backend, 'run', run.id)
    if (run.jobId !== jobId) {
      throw new StorageError('E_INVALID', backend, `run ${run.id} belongs to job ${run.jobId}, not to ${jobId}`)
    }
    checkDate(backend, `scheduledFor of run ${run.id}`, run.scheduledFor)
    checkDocument(backend, `run ${run.id}`, runToDocument(run))
  }
  if (state) checkDocument(backend, `the scheduling state of job ${jobId}`, stateToDocument(state))
}

function conflict({ backend }: Pick<JobRecords, 'backend'>, what: string): StorageError {
  return new StorageError('E_CONFLICT', backend, `${what} is stored already and differs`)
}

const textOf = (run: JobRun): string => JSON.stringify(runToDocument(run))
const stateText = (state: JobState): string => JSON.stringify(stateToDocument(state))
