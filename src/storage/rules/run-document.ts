import type { JobRun, JobState, RunDelivery, RunState } from '#storage/contract/job-runs.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { compact, DocumentError, defined, field } from './fields.ts'
import { jobFromDocument, jobToDocument } from './job-document.ts'

const STATES = ['claimed', 'running', 'succeeded', 'failed', 'lost', 'interrupted', 'skipped', 'missed'] as const
const TRIGGERS = ['schedule', 'catch-up', 'manual'] as const
const DELIVERIES = ['none', 'pending', 'sending', 'delivered', 'failed'] as const

export function runToDocument(run: JobRun): JsonObject {
  return compact({
    id: run.id,
    job_id: run.jobId,
    job_name: run.jobName,
    scheduled_for: run.scheduledFor.toISOString(),
    first_missed: run.firstMissed?.toISOString(),
    trigger: run.trigger,
    state: run.state,
    reason: run.reason,
    count: run.count,
    owner: run.owner,
    host: run.host,
    fence: run.fence,
    token: run.token,
    lease: run.lease,
    pid: run.pid,
    session_id: run.sessionId,
    snapshot: run.snapshot && jobToDocument(run.snapshot),
    claimed_at: run.claimedAt?.toISOString(),
    started_at: run.startedAt?.toISOString(),
    finished_at: run.finishedAt?.toISOString(),
    output: run.output,
    delivery: compact({ ...run.delivery }),
  })
}

/** Throws DocumentError. */
export function runFromDocument(doc: JsonObject): JobRun {
  const delivery = field.object(doc, 'delivery')
  const pid = doc.pid === undefined ? undefined : field.number(doc, 'pid')
  const fence = delivery.fence === undefined ? undefined : field.number(delivery, 'fence')
  const output = doc.output === undefined ? undefined : field.text(doc, 'output')
  return defined<JobRun>({
    id: field.text(doc, 'id'),
    jobId: field.text(doc, 'job_id'),
    jobName: field.optionalText(doc, 'job_name'),
    scheduledFor: field.date(doc, 'scheduled_for'),
    firstMissed: field.optionalDate(doc, 'first_missed'),
    trigger: field.oneOf(doc, 'trigger', TRIGGERS),
    state: field.oneOf<RunState>(doc, 'state', STATES),
    reason: field.optionalText(doc, 'reason'),
    count: field.number(doc, 'count'),
    owner: field.optionalText(doc, 'owner'),
    host: field.optionalText(doc, 'host'),
    fence: field.number(doc, 'fence'),
    token: field.optionalText(doc, 'token'),
    lease: field.number(doc, 'lease'),
    pid,
    sessionId: field.optionalText(doc, 'session_id'),
    snapshot: doc.snapshot === undefined ? undefined : jobFromDocument(field.object(doc, 'snapshot')),
    claimedAt: field.optionalDate(doc, 'claimed_at'),
    startedAt: field.optionalDate(doc, 'started_at'),
    finishedAt: field.optionalDate(doc, 'finished_at'),
    output,
    delivery: defined<RunDelivery>({
      state: field.oneOf(delivery, 'state', DELIVERIES),
      attempts: field.number(delivery, 'attempts'),
      error: field.optionalText(delivery, 'error'),
      fence,
      parts: field.number(delivery, 'parts', 0),
    }),
  })
}

export function stateToDocument(state: JobState): JsonObject {
  return compact({
    schedule_hash: state.scheduleHash,
    cursor: state.cursor.toISOString(),
    runs: state.runs.map(runToDocument),
    once_claimed: state.onceClaimed?.toISOString(),
    last_run: state.lastRun?.toISOString(),
    last_error: state.lastError,
    failures: state.failures,
  })
}

/** Throws DocumentError. */
export function stateFromDocument(doc: JsonObject): JobState {
  const runs = field.list(doc, 'runs').map((run) => {
    if (typeof run !== 'object' || run === null || Array.isArray(run)) throw new DocumentError('runs should be maps')
    return runFromDocument(run)
  })
  return defined<JobState>({
    scheduleHash: field.text(doc, 'schedule_hash'),
    cursor: field.date(doc, 'cursor'),
    runs,
    onceClaimed: field.optionalDate(doc, 'once_claimed'),
    lastRun: field.optionalDate(doc, 'last_run'),
    lastError: field.optionalText(doc, 'last_error'),
    failures: field.number(doc, 'failures', 0),
  })
}

/** Newest first, as every backend lists runs. */
export function byNewestRun(a: JobRun, b: JobRun): number {
  return b.scheduledFor.getTime() - a.scheduledFor.getTime() || (a.id < b.id ? 1 : -1)
}
