import { describe, expect } from 'vitest'
import { AGENT, dueJob, runThrough } from './run-samples.ts'
import { job, request } from './samples.ts'
import type { StorageTest } from './storage-test.ts'

export function claimTests(test: StorageTest): void {
  describe('claims', () => {
    test('a claim takes the fire: run, cursor, slot and snapshot', async ({ stores, open }) => {
      const due = await dueJob(stores, 'j', { name: 'Named' })
      const asked = request(due.stored, due.fire(3))
      const result = await stores.jobRuns.claim(asked)
      if (!result.claimed) throw new Error(result.refusal)
      const { revision: _, ...snapshot } = due.stored
      expect(result.run).toEqual({
        id: expect.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
        jobId: 'j',
        jobName: 'Named',
        scheduledFor: due.fire(3),
        trigger: 'schedule',
        state: 'claimed',
        count: 1,
        owner: asked.owner,
        host: asked.host,
        token: asked.token,
        fence: 1,
        lease: 0,
        snapshot,
        claimedAt: expect.any(Date),
        delivery: { state: 'none', attempts: 0, parts: 0 },
      })
      const { jobRuns } = await open()
      expect(await jobRuns.get(result.run.id)).toEqual(result.run)
      expect(await jobRuns.state('j')).toMatchObject({ cursor: due.fire(3), runs: [result.run] })
    })

    test('the same token again gets the same run, also on another connection', async ({ stores, open }) => {
      const due = await dueJob(stores, 'j')
      const asked = request(due.stored, due.fire(1))
      const first = await stores.jobRuns.claim(asked)
      expect(first.claimed).toBe(true)
      expect(await stores.jobRuns.claim(asked)).toEqual(first)
      expect(await (await open()).jobRuns.claim(asked)).toEqual(first)
      expect(await stores.jobRuns.list({ limit: 0 })).toHaveLength(1)
    })

    test('gone: a job that does not exist', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      await stores.scheduledJobs.delete('j')
      expect(await stores.jobRuns.claim(request(due.stored, due.fire(1)))).toEqual({ claimed: false, refusal: 'gone' })
    })

    test('disabled: a paused job', async ({ stores }) => {
      const due = await dueJob(stores, 'j', { enabled: false })
      const refused = await stores.jobRuns.claim(request(due.stored, due.fire(1)))
      expect(refused).toEqual({ claimed: false, refusal: 'disabled' })
    })

    test('changed: another revision than the daemon computed with', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      await stores.scheduledJobs.save(job('j', { prompt: 'two' }))
      const refused = await stores.jobRuns.claim(request(due.stored, due.fire(1)))
      expect(refused).toEqual({ claimed: false, refusal: 'changed' })
    })

    test('past: at or before the cursor', async ({ stores }) => {
      const due = await dueJob(stores, 'j', { overlap: 'allow' })
      const claim = async (n: number) => await stores.jobRuns.claim(request(due.stored, due.fire(n)))
      expect(await claim(0)).toEqual({ claimed: false, refusal: 'past' })
      expect((await claim(5)).claimed).toBe(true)
      expect(await claim(5)).toEqual({ claimed: false, refusal: 'past' })
      expect(await claim(4)).toEqual({ claimed: false, refusal: 'past' })
      expect((await claim(6)).claimed).toBe(true)
    })

    test('early: more than a second ahead of the store’s clock', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      const refused = await stores.jobRuns.claim(request(due.stored, due.fire(60_000)))
      expect(refused).toEqual({ claimed: false, refusal: 'early' })
      await due.claim(1)
    })

    test('a refused claim leaves no trace', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      const before = await stores.jobRuns.state('j')
      await stores.jobRuns.claim(request(due.stored, due.fire(0)))
      await stores.jobRuns.claim(request(due.stored, due.fire(60_000)))
      await stores.jobRuns.claim(request({ id: 'j', revision: 'other' }, due.fire(1)))
      expect(await stores.jobRuns.state('j')).toEqual(before)
      expect(await stores.jobRuns.list({ limit: 0 })).toEqual([])
    })

    test('skipped: consecutive ones are one record with a count', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      const open = await due.claim(1)
      for (const n of [2, 3, 4]) {
        const refused = await stores.jobRuns.claim(request(due.stored, due.fire(n)))
        expect(refused).toEqual({ claimed: false, refusal: 'skipped' })
      }
      expect((await stores.jobRuns.state('j'))?.cursor).toEqual(due.fire(4))
      const [skipped, holder, ...rest] = await stores.jobRuns.list({ limit: 0 })
      expect(rest).toEqual([])
      expect(holder?.id).toBe(open.id)
      expect(skipped).toMatchObject({ state: 'skipped', count: 3, scheduledFor: due.fire(4), jobId: 'j' })
      expect(skipped?.reason).toContain(open.id)
    })

    test('skips on both sides of a run are two records', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      const first = await due.claim(1)
      await stores.jobRuns.claim(request(due.stored, due.fire(2)))
      await stores.jobRuns.start(first.id, 1, AGENT)
      await stores.jobRuns.finish(first.id, 1, { state: 'succeeded' })
      await due.claim(3)
      await stores.jobRuns.claim(request(due.stored, due.fire(4)))
      const runs = await stores.jobRuns.list({ limit: 0 })
      expect(runs.map(({ state, count }) => [state, count])).toEqual([
        ['skipped', 1],
        ['claimed', 1],
        ['skipped', 1],
        ['succeeded', 1],
      ])
    })

    test('overlap allow runs beside an open run', async ({ stores }) => {
      const due = await dueJob(stores, 'j', { overlap: 'allow' })
      const runs = [await due.claim(1), await due.claim(2)]
      const state = await stores.jobRuns.state('j')
      expect(state?.runs.map(({ id }) => id).sort()).toEqual(runs.map(({ id }) => id).sort())
    })

    test('a gap is one missed record beside the claimed run', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      const missed = { first: due.fire(1), last: due.fire(8), count: 8, reason: 'no daemon was running' }
      const run = await due.claim(9, { trigger: 'catch-up', missed })
      expect(run).toMatchObject({ trigger: 'catch-up', state: 'claimed', scheduledFor: due.fire(9) })
      const [claimed, gap, ...rest] = await stores.jobRuns.list({ limit: 0 })
      expect(claimed).toEqual(run)
      expect(gap).toMatchObject({
        state: 'missed',
        firstMissed: due.fire(1),
        scheduledFor: due.fire(8),
        count: 8,
        reason: 'no daemon was running',
        finishedAt: expect.any(Date),
      })
      expect(rest).toEqual([])
    })

    test('recordOnly records the gap and moves the cursor', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      const missed = { first: due.fire(1), last: due.fire(4), count: 4, reason: 'older than the window' }
      const asked = request(due.stored, due.fire(4), { missed, recordOnly: true })
      expect(await stores.jobRuns.claim(asked)).toEqual({ claimed: false, refusal: 'recorded' })
      expect((await stores.jobRuns.state('j'))?.cursor).toEqual(due.fire(4))
      expect((await stores.jobRuns.list({ limit: 0 })).map(({ state, count }) => [state, count])).toEqual([
        ['missed', 4],
      ])
      expect(await stores.jobRuns.claim(asked)).toEqual({ claimed: false, refusal: 'past' })
      expect(await stores.jobRuns.list({ limit: 0 })).toHaveLength(1)
    })

    test('a run_once job is removed by its claim and never fires again', async ({ stores, open }) => {
      const due = await dueJob(stores, 'once', { runOnce: true })
      const run = await due.claim(1)
      const { scheduledJobs, jobRuns } = await open()
      expect(await scheduledJobs.list()).toEqual({ jobs: [], unreadable: [] })
      expect(run.snapshot).toMatchObject({ id: 'once', runOnce: true, prompt: 'Say hello' })
      expect(await jobRuns.claim(request(due.stored, due.fire(2)))).toEqual({ claimed: false, refusal: 'gone' })
      const again = await scheduledJobs.save(job('once', { runOnce: true }))
      const refused = await jobRuns.claim(request(again, new Date((await jobRuns.now()).getTime() + 500)))
      expect(refused).toEqual({ claimed: false, refusal: 'past' })
      await jobRuns.start(run.id, 1, AGENT)
      expect((await jobRuns.finish(run.id, 1, { state: 'succeeded' })).state).toBe('succeeded')
    })

    test('a manual run neither looks at the cursor nor moves it', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      const cursor = (await stores.jobRuns.state('j'))?.cursor
      const run = await due.claim(-60_000, { trigger: 'manual' })
      expect(run).toMatchObject({ trigger: 'manual', state: 'claimed' })
      expect((await stores.jobRuns.state('j'))?.cursor).toEqual(cursor)
    })

    test('a manual run works on a paused job and takes the same slot', async ({ stores }) => {
      const due = await dueJob(stores, 'j', { enabled: false })
      const run = await due.claim(1, { trigger: 'manual' })
      const second = await stores.jobRuns.claim(request(due.stored, due.fire(2), { trigger: 'manual' }))
      expect(second).toEqual({ claimed: false, refusal: 'skipped' })
      expect(await stores.jobRuns.list({ limit: 0 })).toEqual([run])
      const resumed = await stores.scheduledJobs.save(job('j'))
      const now = await stores.jobRuns.now()
      const fire = await stores.jobRuns.claim(request(resumed, new Date(now.getTime() + 500)))
      expect(fire).toEqual({ claimed: false, refusal: 'skipped' })
    })

    test('a manual run of a run_once job leaves the job', async ({ stores }) => {
      const due = await dueJob(stores, 'once', { runOnce: true })
      const run = await due.claim(1, { trigger: 'manual' })
      await stores.jobRuns.start(run.id, 1, AGENT)
      await stores.jobRuns.finish(run.id, 1, { state: 'succeeded' })
      expect((await stores.scheduledJobs.load('once')).id).toBe('once')
      await due.claim(2)
    })

    test('resuming is no catch-up: fires of the pause are past', async ({ stores }) => {
      const due = await dueJob(stores, 'j')
      await runThrough(stores, due, 1)
      await stores.scheduledJobs.save(job('j', { enabled: false }))
      const resumed = await stores.scheduledJobs.save(job('j'))
      const cursor = (await stores.jobRuns.state('j'))?.cursor ?? new Date(0)
      expect(await stores.jobRuns.claim(request(resumed, cursor))).toEqual({ claimed: false, refusal: 'past' })
    })
  })
}
