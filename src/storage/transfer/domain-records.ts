import type { Conversation } from '#storage/contract/conversations.ts'
import type { DomainName } from '#storage/contract/damage.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { Plan } from '#storage/contract/plans.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { SessionGroup } from '#storage/contract/session-groups.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { metadataToDocument } from '#storage/rules/conversation-document.ts'
import { groupToDocument } from '#storage/rules/group-document.ts'
import { jobFields } from '#storage/rules/job-document.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import { runToDocument, stateToDocument } from '#storage/rules/run-document.ts'
import { attempt, damageOf, type Tell } from './attempt.ts'
import { conversationLengths, loadConversations } from './load-conversations.ts'

/** A record in its canonical form: the same text on every backend that holds the same. */
export interface DomainRecord {
  readonly id: string
  /** Records come by key, ascending. */
  readonly key: string
  readonly text: string
}

/**
 * Every readable record of a domain, ascending. Of conversations only the ids are held, of runs those of one job; the
 * other domains are as small as what people type and plan.
 */
export function recordsOf(domain: DomainName, stores: Stores, tell: Tell): AsyncGenerator<DomainRecord, void, void> {
  return RECORDS[domain](stores, tell)
}

const RECORDS: Record<DomainName, (stores: Stores, tell: Tell) => AsyncGenerator<DomainRecord, void, void>> = {
  async *conversations(stores, tell) {
    for await (const conversation of loadConversations(stores, await conversationLengths(stores, tell), tell)) {
      const { id } = conversation.metadata
      yield { id, key: id, text: conversationText(conversation) }
    }
  },
  async *session_groups(stores, tell) {
    for (const [key, group] of await sessionGroups(stores, tell)) yield { id: key, key, text: groupText(group) }
  },
  async *job_states(stores, tell) {
    const jobs = await readableJobs(stores, () => {})
    for (const id of await stores.jobRuns.jobIds()) {
      const state = await attempt('job_states', id, tell, () => stores.jobRuns.state(id))
      const text = state && stateText(state, jobs.get(id))
      if (text !== undefined) yield { id, key: id, text }
    }
  },
  async *job_runs(stores, tell) {
    for (const jobId of await stores.jobRuns.jobIds()) {
      for (const run of await runsOfJob(stores, jobId, tell)) {
        yield { id: run.id, key: `${jobId} ${run.id}`, text: runText(run) }
      }
    }
  },
  async *scheduled_jobs(stores, tell) {
    const { defaultTimezone } = stores.scheduledJobs
    for (const [id, job] of await readableJobs(stores, tell)) {
      yield { id, key: id, text: jobText(job, defaultTimezone) }
    }
  },
  async *plans(stores, tell) {
    for (const [id, plan] of await readablePlans(stores, tell)) yield { id, key: id, text: planText(plan) }
  },
  async *shell_history(stores, tell) {
    const commands = (await attempt('shell_history', '', tell, () => stores.shellHistory.load(0))) ?? []
    for (const [n, command] of commands.entries()) {
      yield { id: String(n + 1), key: String(n).padStart(12, '0'), text: JSON.stringify(command) }
    }
  },
  async *coordination(stores, tell) {
    for (const [id, record] of await coordinationRecords(stores, tell)) {
      yield { id, key: id, text: JSON.stringify(record) }
    }
  },
  async *imports(stores, tell) {
    for (const id of (await attempt('imports', '', tell, () => stores.coordination.importSources())) ?? []) {
      const outcomes = await attempt('imports', id, tell, () => stores.coordination.imported(id))
      if (outcomes && outcomes.size > 0) yield { id, key: id, text: JSON.stringify([...outcomes].sort(byFirst)) }
    }
  },
}

export async function sessionGroups(stores: Pick<Stores, 'sessionGroups'>, tell: Tell) {
  const groups = await attempt('session_groups', '', tell, () => stores.sessionGroups.list())
  return [...(groups ?? [])].sort(byFirst)
}

/** By id. */
export async function readableJobs(
  stores: Pick<Stores, 'scheduledJobs'>,
  tell: Tell,
): Promise<ReadonlyMap<string, StoredJob>> {
  const { jobs, unreadable } = await stores.scheduledJobs.list()
  for (const { id, error } of unreadable) tell(damageOf('scheduled_jobs', id, error))
  return new Map(jobs.map((job) => [job.id, job] as const).sort(byFirst))
}

/** All runs of one job by id; those that may still change as the scheduling state has them. */
export async function runsOfJob({ jobRuns }: Pick<Stores, 'jobRuns'>, jobId: string, tell: Tell): Promise<JobRun[]> {
  const stored = await attempt('job_runs', jobId, tell, () => jobRuns.list({ jobId, limit: 0 }))
  const state = await attempt(
    'job_states',
    jobId,
    () => {},
    () => jobRuns.state(jobId),
  )
  const runs = new Map((stored ?? []).map((run) => [run.id, run]))
  for (const run of state?.runs ?? []) runs.set(run.id, run)
  return [...runs].sort(byFirst).map(([, run]) => run)
}

export async function readablePlans(stores: Pick<Stores, 'plans'>, tell: Tell): Promise<ReadonlyMap<string, Plan>> {
  const { plans, unreadable } = await stores.plans.list()
  for (const { id, error } of unreadable) tell(damageOf('plans', id, error))
  return new Map(plans.map((plan) => [plan.id, plan] as const).sort(byFirst))
}

export async function coordinationRecords(stores: Pick<Stores, 'coordination'>, tell: Tell) {
  const records = await attempt('coordination', '', tell, () => stores.coordination.records())
  return [...(records ?? [])].sort(byFirst)
}

export function conversationText({ metadata, entries }: Pick<Conversation, 'metadata' | 'entries'>): string {
  const head = JSON.stringify(metadataToDocument(metadata.id, metadata, entries.length))
  return [head, ...entries.map((entry) => JSON.stringify(entry))].join('\n')
}

export function groupText(group: SessionGroup): string {
  return JSON.stringify(groupToDocument(group))
}

/** With the zone that counts: a job without one follows the backend's default. The outcome of the last run is part. */
export function jobText(job: StoredJob, defaultTimezone: string): string {
  const { lastRun, lastError } = job
  const fields = { ...jobFields(job), timezone: job.timezone || defaultTimezone }
  return JSON.stringify([fields, lastRun?.toISOString() ?? null, lastError ?? null])
}

/**
 * A state that does not fit its definition starts anew with the next look of a daemon, so its cursor means nothing;
 * undefined when nothing is left then. A state whose definition is gone counts as it is.
 */
export function stateText(state: JobState, job: ScheduledJob | undefined): string | undefined {
  const { schedule_hash, cursor, last_run, last_error, ...rest } = stateToDocument(state)
  if (!job) return JSON.stringify([schedule_hash, cursor, last_run ?? null, last_error ?? null, rest])
  if (state.scheduleHash === scheduleHash(job)) return JSON.stringify([cursor, rest])
  const empty = state.runs.length === 0 && state.failures === 0 && state.onceClaimed === undefined
  return empty ? undefined : JSON.stringify([null, rest])
}

export function runText(run: JobRun): string {
  return JSON.stringify(runToDocument(run))
}

export function planText({ id, title, slug, createdAt, body }: Plan): string {
  return JSON.stringify([id, title, slug, createdAt.toISOString(), body])
}

export function byFirst([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}
