import { expect, it } from 'vitest'
import { judge, type Run } from '../../scripts/demo/count.ts'

const FIRES = ['2026-05-01T10:00:02.000Z', '2026-05-01T10:00:04.000Z', '2026-05-01T10:00:06.000Z']

function runAt(fire: number, more: Partial<Run> = {}): Run {
  const id = more.id ?? `run-${fire}`
  return {
    id,
    scheduled_for: FIRES[fire] ?? '',
    state: 'succeeded',
    count: 1,
    owner: 'a',
    session_id: `session-${id}`,
    finished_at: FIRES[fire] ?? '',
    ...more,
  }
}

const conversationsOf = (...runs: Run[]) => runs.map(({ session_id }) => ({ id: session_id ?? '' }))
const own = new Set(['my-own'])

it('counts a run for each fire, and the agents by what they left', () => {
  const runs = [runAt(2), runAt(1), runAt(0)]
  const conversations = [...conversationsOf(...runs), { id: 'my-own' }]
  expect(judge({ fires: FIRES, runs, conversations, own })).toEqual({
    fires: 3,
    runs: 3,
    agents: 3,
    skipped: 0,
    duplicates: 0,
    missing: 0,
    failed: 0,
  })
})

it('finds two runs of a fire, a run without a fire, and an agent without a run', () => {
  const twice = [runAt(0), runAt(0, { id: 'other' })]
  expect(judge({ fires: FIRES, runs: twice, conversations: conversationsOf(...twice), own }).duplicates).toBe(1)
  const stray = [runAt(0), runAt(1, { scheduled_for: '2026-05-01T10:00:05.000Z' })]
  expect(judge({ fires: FIRES, runs: stray, conversations: conversationsOf(...stray), own }).duplicates).toBe(1)
  const conversations = [...conversationsOf(runAt(0)), { id: 'nobody-knows' }]
  expect(judge({ fires: FIRES, runs: [runAt(0)], conversations, own }).duplicates).toBe(1)
})

it('finds a fire that nobody took, but not the ones after the last record', () => {
  const runs = [runAt(1)]
  expect(judge({ fires: FIRES, runs, conversations: conversationsOf(...runs), own })).toMatchObject({
    fires: 2,
    missing: 1,
  })
  const missed = [runAt(1), runAt(0, { state: 'missed', session_id: null })]
  expect(judge({ fires: FIRES, runs: missed, conversations: conversationsOf(...runs), own }).missing).toBe(1)
})

it('takes a skipped fire for recorded, and a failed run for no success', () => {
  const runs = [runAt(0), runAt(2, { state: 'skipped', count: 2, session_id: null })]
  expect(judge({ fires: FIRES, runs, conversations: conversationsOf(runAt(0)), own })).toMatchObject({
    skipped: 2,
    missing: 0,
    duplicates: 0,
  })
  const failed = [runAt(0, { state: 'failed' })]
  expect(judge({ fires: FIRES, runs: failed, conversations: conversationsOf(...failed), own }).failed).toBe(1)
})
