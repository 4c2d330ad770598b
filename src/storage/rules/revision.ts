import type { JobState } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { SessionGroup, StoredSessionGroup } from '#storage/contract/session-groups.ts'
import { groupToDocument } from './group-document.ts'
import { jobDefinition, jobFields } from './job-document.ts'

/** Digests made last: a save asks for the same ones several times, and one takes longer than all else it computes. */
const known = new Map<string, string>()
const MAX_KNOWN = 64

/** First 32 hex digits of the SHA-256 of some text. */
export function digest(text: string): string {
  const made = known.get(text)
  if (made !== undefined) return made
  // Loaded at first use: commands that only read pay 3 ms for it otherwise.
  const result = process.getBuiltinModule('node:crypto').hash('sha256', text, 'hex').slice(0, 32)
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(text, result)
  return result
}

/** Hash of a whole definition, the same on every backend; edits by hand change it, runs do not. */
export function jobRevision(job: ScheduledJob): string {
  return digest(JSON.stringify(jobFields(job)))
}

/** Hash of what decides a job's fires. When it changes, the cursor starts anew. */
export function scheduleHash(job: ScheduledJob): string {
  return digest(JSON.stringify([job.cronExpression, job.timezone ?? '', job.enabled, job.createdAt.getTime()]))
}

/** A definition joined with its revision and the outcome of its last run. */
export function storedJob(job: ScheduledJob, state: Pick<JobState, 'lastRun' | 'lastError'> | undefined): StoredJob {
  const stored: StoredJob = { ...jobDefinition(job), revision: jobRevision(job) }
  if (state?.lastRun !== undefined) stored.lastRun = state.lastRun
  if (state?.lastError !== undefined) stored.lastError = state.lastError
  return stored
}

export function storedGroup(group: SessionGroup): StoredSessionGroup {
  return { ...group, revision: digest(JSON.stringify(groupToDocument(group))) }
}
