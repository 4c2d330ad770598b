import { describe, expect, test } from 'vitest'
import type { ClaimRequest, JobRun, JobState, RunState } from '#storage/contract/job-runs.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { JobRecord } from '#storage/rules/job-records.ts'
import { jobRevision } from '#storage/rules/revision.ts'
import {
  decideClaim,
  decideClaimDelivery,
  decideFinish,
  decideFinishDelivery,
  decideReap,
  decideRenew,
  decideStart,
  freshState,
  Refused,
  stateForDefinition,
} from '#storage/rules/run-transitions.ts'
import { at, job } from '../conformance/samples.ts'

const JOB = job('j')
const NOW = at(100)
const newId = () => 'new-id'

function run(state: RunState, changes: Partial<JobRun> = {}): JobRun {
  return {
    id: 'r1',
    jobId: 'j',
    scheduledFor: at(90),
    trigger: 'schedule',
    state,
    count: 1,
    fence: 1,
    lease: 0,
    token: 'token-1',
    snapshot: JOB,
    delivery: { state: 'none', attempts: 0, parts: 0 },
    ...changes,
  }
}

function record(
  changes: { job?: ScheduledJob | null; runs?: JobRun[]; state?: Partial<JobState> | null } = {},
): JobRecord {
  const definition = changes.job === null ? undefined : (changes.job ?? JOB)
  const state = { ...freshState(definition ?? JOB, at(0)), runs: changes.runs ?? [], ...changes.state }
  return { job: definition, state: changes.state === null ? undefined : state, version: '1', now: NOW }
}

function claim(changes: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    jobId: 'j',
    revision: jobRevision(JOB),
    scheduledFor: at(100),
    trigger: 'schedule',
    owner: 'o',
    host: 'h',
    token: 'token-2',
    ...changes,
  }
}

describe('what a claim is answered', () => {
  const paused = job('j', { enabled: false })
  const once = job('j', { runOnce: true })
  const of = (definition: ScheduledJob, changes: Partial<ClaimRequest> = {}) =>
    claim({ revision: jobRevision(definition), ...changes })

  test.each<[string, JobRecord, ClaimRequest, string]>([
    ['a due fire', record(), claim(), 'claimed'],
    ['no job', record({ job: null }), claim(), 'gone'],
    ['a paused job', record({ job: paused }), of(paused), 'disabled'],
    ['a paused job by hand', record({ job: paused }), of(paused, { trigger: 'manual' }), 'claimed'],
    ['another revision', record(), claim({ revision: 'x' }), 'changed'],
    ['another revision by hand', record(), claim({ revision: 'x', trigger: 'manual' }), 'changed'],
    ['no state yet', record({ state: null }), claim(), 'changed'],
    ['no state yet, by hand', record({ state: null }), claim({ trigger: 'manual' }), 'claimed'],
    ['a state of another schedule', record({ state: { scheduleHash: 'x' } }), claim(), 'changed'],
    ['at the cursor', record({ state: { cursor: at(100) } }), claim(), 'past'],
    ['behind the cursor', record({ state: { cursor: at(101) } }), claim(), 'past'],
    ['behind the cursor, by hand', record({ state: { cursor: at(101) } }), claim({ trigger: 'manual' }), 'claimed'],
    ['a second ahead', record(), claim({ scheduledFor: at(101) }), 'claimed'],
    ['more than a second ahead', record(), claim({ scheduledFor: at(101.001) }), 'early'],
    ['the slot is taken by a claim', record({ runs: [run('claimed')] }), claim(), 'skipped'],
    ['the slot is taken by a run', record({ runs: [run('running')] }), claim(), 'skipped'],
    ['the slot is taken, by hand', record({ runs: [run('running')] }), claim({ trigger: 'manual' }), 'skipped'],
    ['an undelivered run', record({ runs: [run('succeeded')] }), claim(), 'claimed'],
    ['the same token', record({ runs: [run('running')], job: null }), claim({ token: 'token-1' }), 'claimed'],
    ['nothing but the record', record(), claim({ recordOnly: true }), 'recorded'],
    ['once', record({ job: once }), of(once), 'claimed'],
    ['once again', record({ job: once, state: { onceClaimed: once.createdAt } }), of(once), 'past'],
    [
      'once again, by hand',
      record({ job: once, state: { onceClaimed: once.createdAt } }),
      of(once, { trigger: 'manual' }),
      'claimed',
    ],
  ])('%s', (_, stored, request, expected) => {
    const { answer } = decideClaim(stored, request, newId)
    expect(answer.claimed ? 'claimed' : answer.refusal).toBe(expected)
  })

  test('a refusal without a record writes nothing', () => {
    for (const request of [
      claim({ revision: 'x' }),
      claim({ scheduledFor: at(0) }),
      claim({ scheduledFor: at(200) }),
    ]) {
      expect(decideClaim(record(), request, newId).write).toBeUndefined()
    }
  })

  test('a claim writes cursor, slot and run in one step, under the revision', () => {
    const { answer, write } = decideClaim(record(), claim(), newId)
    if (!answer.claimed) throw new Error(answer.refusal)
    expect(write).toMatchObject({ expectJob: jobRevision(JOB), runs: [answer.run] })
    expect(write?.state).toMatchObject({ cursor: at(100), runs: [answer.run] })
    expect(write?.job).toBeUndefined()
  })

  test('a run_once claim removes the job in the same step, a manual one does not', () => {
    expect(decideClaim(record({ job: once }), of(once), newId).write).toMatchObject({
      job: 'remove',
      state: { onceClaimed: once.createdAt },
    })
    expect(decideClaim(record({ job: once }), of(once, { trigger: 'manual' }), newId).write?.job).toBeUndefined()
  })

  test('a skip after a gap is a record of its own', () => {
    const skipped = run('skipped', { id: 's1', count: 2 })
    const stored = record({ runs: [run('running'), skipped] })
    const merged = decideClaim(stored, claim(), newId).write
    expect(merged?.runs).toMatchObject([{ id: 's1', count: 3, scheduledFor: at(100) }])
    const missed = { first: at(95), last: at(96), count: 2, reason: 'gap' }
    const apart = decideClaim(stored, claim({ missed }), newId).write
    expect(apart?.runs).toMatchObject([
      { state: 'missed', count: 2 },
      { state: 'skipped', count: 1 },
    ])
  })
})

describe('transitions of a run', () => {
  const by = { pid: 1, host: 'h' }
  const claimant = { owner: 'o', host: 'h', token: 'token-9' }
  const seen = { fence: 1, reason: 'dead' }
  const acts = {
    start: (stored: JobRecord, fence: number) => decideStart(stored, 'r1', fence, by).answer.state,
    renew: (stored: JobRecord, fence: number) => decideRenew(stored, 'r1', fence).answer ?? 'renewed',
    succeed: (stored: JobRecord, fence: number) =>
      decideFinish(stored, 'r1', fence, { state: 'succeeded' }).answer.state,
    fail: (stored: JobRecord, fence: number) => decideFinish(stored, 'r1', fence, { state: 'failed' }).answer.state,
    reap: (stored: JobRecord, fence: number) => decideReap(stored, 'r1', { ...seen, fence }, claimant).answer.state,
  }

  test.each<[RunState, Record<keyof typeof acts, string>]>([
    ['claimed', { start: 'running', renew: 'renewed', succeed: 'succeeded', fail: 'failed', reap: 'claimed' }],
    ['running', { start: 'refused', renew: 'renewed', succeed: 'succeeded', fail: 'failed', reap: 'lost' }],
    ['succeeded', { start: 'refused', renew: 'refused', succeed: 'succeeded', fail: 'refused', reap: 'refused' }],
    ['failed', { start: 'refused', renew: 'refused', succeed: 'refused', fail: 'failed', reap: 'refused' }],
    ['lost', { start: 'refused', renew: 'refused', succeed: 'refused', fail: 'refused', reap: 'refused' }],
    ['interrupted', { start: 'refused', renew: 'refused', succeed: 'refused', fail: 'refused', reap: 'refused' }],
  ])('of a run that is %s', (state, expected) => {
    for (const [name, act] of Object.entries(acts)) {
      const attempt = (fence: number) => {
        try {
          return act(record({ runs: [run(state)] }), fence)
        } catch (error) {
          if (error instanceof Refused) return 'refused'
          throw error
        }
      }
      expect(attempt(1), name).toBe(expected[name as keyof typeof acts])
      expect(attempt(2), `${name} on another fence`).toBe('refused')
    }
  })

  test('a run that is not there any more is refused', () => {
    for (const act of Object.values(acts)) expect(() => act(record(), 1)).toThrow(Refused)
  })

  test('an end leaves the state only when nothing is to be delivered', () => {
    const quiet = decideFinish(record({ runs: [run('running')] }), 'r1', 1, { state: 'succeeded' })
    expect(quiet.write?.state).toMatchObject({ runs: [] })
    const told = job('j', { channel: 'telegram', recipientId: '1' })
    const stored = record({ runs: [run('running', { snapshot: told })] })
    const { answer, write } = decideFinish(stored, 'r1', 1, { state: 'succeeded' })
    expect(answer.delivery.state).toBe('pending')
    expect(write?.state).toMatchObject({ runs: [answer] })
  })

  test('the last end of a job that is gone removes its state', () => {
    const { write } = decideFinish(record({ job: null, runs: [run('running')] }), 'r1', 1, { state: 'succeeded' })
    expect(write?.state).toBe('remove')
    const two = record({ job: null, runs: [run('running'), run('running', { id: 'r2' })] })
    expect(decideFinish(two, 'r1', 1, { state: 'succeeded' }).write?.state).toMatchObject({ runs: [{ id: 'r2' }] })
  })

  test('a run_once job whose removal was cut off is removed by the next step of its run', () => {
    const once = job('j', { runOnce: true })
    const stored = record({ job: once, runs: [run('claimed')], state: { onceClaimed: once.createdAt } })
    expect(
      decideStart({ ...stored, state: stored.state && { ...stored.state, runs: [run('claimed')] } }, 'r1', 1, by).write,
    ).toMatchObject({ job: 'remove' })
  })

  test('a reaper that saw another lease is refused, its own claim is found again', () => {
    const stored = record({ runs: [run('running', { lease: 3 })] })
    expect(() => decideReap(stored, 'r1', { ...seen, lease: 2 }, claimant)).toThrow(Refused)
    expect(decideReap(stored, 'r1', { ...seen, lease: 3 }, claimant).answer.state).toBe('lost')
    const own = run('claimed', { fence: 2, token: claimant.token })
    expect(decideReap(record({ runs: [own] }), 'r1', seen, claimant)).toEqual({ answer: own })
  })

  test('a delivery is taken from pending or from an older fence, and ended on its own', () => {
    const of = (state: JobRun['delivery']['state'], fence?: number) =>
      record({ runs: [run('succeeded', { delivery: { state, attempts: 0, parts: 0, ...(fence && { fence }) } })] })
    expect(decideClaimDelivery(of('pending'), 'r1', 1).answer.delivery).toMatchObject({ state: 'sending', fence: 1 })
    expect(decideClaimDelivery(of('sending', 1), 'r1', 2).answer.delivery).toMatchObject({ fence: 2, attempts: 1 })
    for (const stored of [of('sending', 2), of('sending', 3), of('delivered'), of('failed'), of('none')]) {
      expect(() => decideClaimDelivery(stored, 'r1', 2)).toThrow(Refused)
    }
    const end = { state: 'delivered', parts: 1 } as const
    expect(decideFinishDelivery(of('sending', 2), 'r1', 2, end).write?.state).toMatchObject({ runs: [] })
    for (const stored of [of('sending', 1), of('pending'), of('delivered')]) {
      expect(() => decideFinishDelivery(stored, 'r1', 2, end)).toThrow(Refused)
    }
  })
})

test('a definition keeps its state while its schedule does; one that does not exist starts anew', () => {
  expect(stateForDefinition(record(), job('j', { prompt: 'other' }))).toBeUndefined()
  expect(stateForDefinition(record(), job('j', { cronExpression: '@daily' }))).toMatchObject({ cursor: NOW })
  expect(stateForDefinition(record({ job: null, runs: [run('running')] }), JOB)).toMatchObject({
    cursor: NOW,
    runs: [{ id: 'r1' }],
  })
})
