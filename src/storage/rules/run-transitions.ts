import {
  type Claimant,
  type ClaimRequest,
  type ClaimResult,
  EARLY_TOLERANCE_MS,
  type JobRun,
  type JobState,
  MAX_CLAIMS,
  OPEN_STATES,
} from '#storage/contract/job-runs.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { Decision, JobRecord, JobWrite } from './job-records.ts'
import { jobRevision, scheduleHash } from './revision.ts'

/** Pure decisions about one job's record. Source of the rules: docs/scheduling.md, "A fire". */

export function isOpen(run: JobRun): boolean {
  return OPEN_STATES.includes(run.state)
}

export function isUndelivered(run: JobRun): boolean {
  return run.delivery.state === 'pending' || run.delivery.state === 'sending'
}

/** A state whose schedule begins now: nothing before this moment is due. */
export function freshState(job: ScheduledJob, now: Date, previous?: JobState): JobState {
  return { failures: 0, runs: [], ...previous, scheduleHash: scheduleHash(job), cursor: now }
}

/**
 * The state that belongs to a definition about to be saved, or undefined when the stored one fits. A job that does
 * not exist starts anew, also when runs of a former one keep its state.
 */
export function stateForDefinition(record: JobRecord, job: ScheduledJob): JobState | undefined {
  return record.job && record.state?.scheduleHash === scheduleHash(job)
    ? undefined
    : freshState(job, record.now, record.state)
}

type Claim = Decision<ClaimResult>

function refuse(refusal: Exclude<ClaimResult, { claimed: true }>['refusal'], write?: Claim['write']): Claim {
  return { answer: { claimed: false, refusal }, ...(write && { write }) }
}

/** `newId` gives ids for the runs that the decision inserts. */
export function decideClaim(record: JobRecord, request: ClaimRequest, newId: () => string): Claim {
  const { now } = record
  const job = record.unreadable ? request.lastGood : record.job
  const own = record.state?.runs.find((run) => run.token === request.token)
  if (own) return { answer: { claimed: true, run: own } }
  if (!job) {
    if (record.unreadable) throw record.unreadable
    return refuse('gone')
  }
  const expectJob = record.unreadable ? {} : { expectJob: request.revision }
  const manual = request.trigger === 'manual'
  const consumesOnce = job.runOnce && !manual
  if (consumesOnce && record.state?.onceClaimed?.getTime() === job.createdAt.getTime()) return refuse('past')
  if (jobRevision(job) !== request.revision) return refuse('changed')
  const state = record.state ?? freshState(job, now)
  if (!manual) {
    if (!job.enabled) return refuse('disabled')
    if (!record.state || state.scheduleHash !== scheduleHash(job)) return refuse('changed')
    if (state.cursor >= request.scheduledFor) return refuse('past')
    if (request.missed && request.missed.first <= state.cursor) return refuse('changed')
    if (now.getTime() < request.scheduledFor.getTime() - EARLY_TOLERANCE_MS) return refuse('early')
  }
  const cursor = manual ? state.cursor : request.scheduledFor
  const gap = request.missed ? [missedRun(request, job, request.missed, now, newId())] : []
  if (request.recordOnly) {
    return refuse('recorded', { ...expectJob, state: { ...state, cursor }, runs: gap })
  }
  if (job.overlap === 'skip' && state.runs.some(isOpen)) {
    if (manual) return refuse('skipped')
    const skipped = skippedRun(state, request, job, now, newId)
    const runs = [...state.runs.filter((run) => run.id !== skipped.id), skipped]
    return refuse('skipped', {
      ...expectJob,
      state: { ...state, cursor, runs },
      runs: [...gap, skipped],
    })
  }
  const run = claimedRun(request, job, now, newId())
  const runs = [...state.runs.filter((other) => other.state !== 'skipped'), run]
  return {
    answer: { claimed: true, run },
    write: {
      ...expectJob,
      ...(consumesOnce && !record.unreadable && { job: 'remove' as const }),
      state: { ...state, cursor, runs, ...(consumesOnce && { onceClaimed: job.createdAt }) },
      runs: [...gap, run],
    },
  }
}

function fireOf(request: ClaimRequest, job: ScheduledJob, id: string): JobRun {
  return {
    id,
    jobId: job.id,
    ...(job.name !== undefined && { jobName: job.name }),
    scheduledFor: request.scheduledFor,
    trigger: request.trigger,
    state: 'claimed',
    count: 1,
    fence: 0,
    lease: 0,
    delivery: { state: 'none', attempts: 0, parts: 0 },
  }
}

function claimedRun(request: ClaimRequest, job: ScheduledJob, now: Date, id: string): JobRun {
  const { owner, host, token } = request
  return { ...fireOf(request, job, id), fence: 1, owner, host, token, snapshot: job, claimedAt: now }
}

function missedRun(
  request: ClaimRequest,
  job: ScheduledJob,
  gap: NonNullable<ClaimRequest['missed']>,
  now: Date,
  id: string,
): JobRun {
  return {
    ...fireOf(request, job, id),
    trigger: 'schedule',
    state: 'missed',
    scheduledFor: gap.last,
    firstMissed: gap.first,
    count: gap.count,
    reason: gap.reason,
    finishedAt: now,
  }
}

/** The `skipped` record at the end of the runs grows; otherwise a new one begins. */
function skippedRun(state: JobState, request: ClaimRequest, job: ScheduledJob, now: Date, newId: () => string): JobRun {
  const last = state.runs.findLast((run) => run.state === 'skipped')
  if (last && !request.missed) {
    return { ...last, count: last.count + 1, scheduledFor: request.scheduledFor, finishedAt: now }
  }
  const holder = state.runs.find(isOpen)
  return {
    ...fireOf(request, job, newId()),
    state: 'skipped',
    reason: `run ${holder?.id} had not ended`,
    finishedAt: now,
  }
}

/** How a transition of one run is refused: the run is not (or no longer) what the caller holds. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

function held(record: JobRecord, runId: string, fence: number): JobRun {
  const run = record.state?.runs.find((one) => one.id === runId)
  if (!run) throw new Refused(`run ${runId} has ended`)
  if (run.fence !== fence) throw new Refused(`run ${runId} was taken over: its fence is ${run.fence}, not ${fence}`)
  return run
}

/** Replaces one run in the state; a run that cannot change any more leaves it. */
export function replaceRun(record: JobRecord, run: JobRun, changes: Partial<JobState> = {}): Omit<JobWrite, 'version'> {
  const { job, state } = record
  if (!state) throw new Refused(`run ${run.id} has ended`)
  const settled = !isOpen(run) && !isUndelivered(run)
  const runs = settled
    ? state.runs.filter((one) => one.id !== run.id)
    : state.runs.map((one) => (one.id === run.id ? run : one))
  const forgotten = job === undefined && !record.unreadable && runs.every((one) => one.state === 'skipped')
  const leftover = job?.runOnce && state.onceClaimed?.getTime() === job.createdAt.getTime()
  return {
    state: forgotten ? 'remove' : { ...state, ...changes, runs },
    runs: [run],
    ...(leftover && { job: 'remove' as const }),
  }
}

export function decideStart(
  record: JobRecord,
  runId: string,
  fence: number,
  by: { pid: number; host: string; sessionId?: string },
): Decision<JobRun> {
  const run = held(record, runId, fence)
  if (run.state === 'running' && run.pid === by.pid && run.host === by.host) return { answer: run }
  if (run.state !== 'claimed') throw new Refused(`run ${runId} is ${run.state} already`)
  const { reason: _, ...claimed } = run
  const started: JobRun = { ...claimed, ...by, state: 'running', startedAt: record.now, lease: run.lease + 1 }
  return { answer: started, write: replaceRun(record, started) }
}

export function decideRenew(record: JobRecord, runId: string, fence: number): Decision<void> {
  const run = held(record, runId, fence)
  if (!isOpen(run)) throw new Refused(`run ${runId} is ${run.state}`)
  const { state } = replaceRun(record, { ...run, lease: run.lease + 1 })
  return { answer: undefined, write: { ...(state && { state }) } }
}

export interface RunEnd {
  state: 'succeeded' | 'failed' | 'interrupted' | 'lost'
  reason?: string
  output?: string
  sessionId?: string
}

function end(record: JobRecord, run: JobRun, by: RunEnd): Decision<JobRun> {
  const recipient = run.snapshot?.channel !== undefined && run.snapshot.recipientId !== undefined
  const { reason: _why, ...open } = run
  const ended: JobRun = {
    ...open,
    ...by,
    finishedAt: record.now,
    delivery: recipient ? { ...run.delivery, state: 'pending' } : run.delivery,
  }
  const failed = by.state === 'failed' || by.state === 'lost'
  const before = record.state?.failures ?? 0
  const changes: Partial<JobState> = {
    lastRun: run.startedAt ?? record.now,
    failures: failed ? before + 1 : by.state === 'succeeded' ? 0 : before,
  }
  const { lastError: _, ...rest } = record.state ?? freshState({ ...(run.snapshot as ScheduledJob) }, record.now)
  const lastError = by.state === 'succeeded' ? undefined : (by.reason ?? by.state)
  const cleared: JobRecord = { ...record, state: lastError === undefined ? rest : { ...rest, lastError } }
  return { answer: ended, write: replaceRun(cleared, ended, changes) }
}

/** Whether a run has ended just so: the end is a retry after a lost reply. */
export function isSameEnd(run: JobRun, fence: number, by: RunEnd): boolean {
  return run.fence === fence && run.state === by.state && run.output === by.output && run.reason === by.reason
}

export function decideFinish(record: JobRecord, runId: string, fence: number, by: RunEnd): Decision<JobRun> {
  const run = held(record, runId, fence)
  if (!isOpen(run)) {
    if (isSameEnd(run, fence, by)) return { answer: run }
    throw new Refused(`run ${runId} is ${run.state} already`)
  }
  return end(record, run, by)
}

export function decideReap(
  record: JobRecord,
  runId: string,
  seen: { fence: number; lease?: number; reason: string },
  claimant: Claimant,
): Decision<JobRun> {
  const own = record.state?.runs.find((one) => one.id === runId && one.token === claimant.token)
  if (own) return { answer: own }
  const run = held(record, runId, seen.fence)
  if (!isOpen(run)) throw new Refused(`run ${runId} is ${run.state} already`)
  if (seen.lease !== undefined && run.lease !== seen.lease) throw new Refused(`run ${runId} was renewed`)
  if (run.state === 'running') return end(record, run, { state: 'lost', reason: seen.reason })
  if (run.fence >= MAX_CLAIMS) {
    const reason = `the agent did not start in ${MAX_CLAIMS} attempts: ${seen.reason}`
    return end(record, run, { state: 'failed', reason })
  }
  const { owner, host, token } = claimant
  const again: JobRun = {
    ...run,
    owner,
    host,
    token,
    fence: run.fence + 1,
    lease: run.lease + 1,
    reason: seen.reason,
    claimedAt: record.now,
  }
  return { answer: again, write: replaceRun(record, again) }
}

export function decideClaimDelivery(record: JobRecord, runId: string, fence: number): Decision<JobRun> {
  const run = record.state?.runs.find((one) => one.id === runId)
  if (!run || isOpen(run) || !isUndelivered(run)) throw new Refused(`run ${runId} has nothing to deliver`)
  const { delivery } = run
  if (delivery.state === 'sending') {
    if ((delivery.fence ?? 0) >= fence) throw new Refused(`the result of run ${runId} is being sent by a newer holder`)
  }
  const sending: JobRun = {
    ...run,
    delivery: { ...delivery, state: 'sending', fence, attempts: delivery.attempts + 1 },
  }
  return { answer: sending, write: replaceRun(record, sending) }
}

export function decideFinishDelivery(
  record: JobRecord,
  runId: string,
  fence: number,
  by: { state: 'delivered' | 'pending' | 'failed'; parts: number; error?: string },
): Decision<JobRun> {
  const run = record.state?.runs.find((one) => one.id === runId)
  if (run?.delivery.state !== 'sending' || run.delivery.fence !== fence) {
    throw new Refused(`the result of run ${runId} is not being sent on fence ${fence}`)
  }
  const { error: _, ...delivery } = run.delivery
  const done: JobRun = { ...run, delivery: { ...delivery, ...by } }
  return { answer: done, write: replaceRun(record, done) }
}
