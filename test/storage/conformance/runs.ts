import { describe, expect } from 'vitest'
import { AGENT, dueJob, REAPER, runThrough } from './run-samples.ts'
import { request } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

export function runTests(test: StorageTest): void {
  describe('the life of a run', () => {
    test('claimed, running, succeeded', async ({ stores, open }) => {
      const due = await dueJob(stores, 'j')
      const claimed = await due.claim(1)
      const running = await stores.jobRuns.start(claimed.id, 1, AGENT)
      expect(running).toEqual({ ...claimed, ...AGENT, state: 'running', lease: 1, startedAt: expect.any(Date) })
      const { jobRuns, scheduledJobs } = await open()
      expect(await jobRuns.get(claimed.id)).toEqual(running)
      const end = { state: 'succeeded', output: 'All\nwell', sessionId: 'session-2' } as const
      const ended = await jobRuns.finish(claimed.id, 1, end)
      expect(ended).toEqual({ ...running, ...end, finishedAt: expect.any(Date) })
      expect(await stores.jobRuns.get(claimed.id)).toEqual(ended)
      expect((await stores.jobRuns.state('j'))?.runs).toEqual([])
      expect((await scheduledJobs.load('j')).lastRun).toEqual(running.startedAt)
    })

    test('start is refused on an old fence, twice by others, and after the end', async ({
      stores: { jobRuns },
      stores,
    }) => {
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      await expectCode(jobRuns.start(id, 2, AGENT), 'E_CONFLICT')
      await expectCode(jobRuns.start(id, 0, AGENT), 'E_CONFLICT')
      const running = await jobRuns.start(id, 1, AGENT)
      expect(await jobRuns.start(id, 1, AGENT)).toEqual(running)
      await expectCode(jobRuns.start(id, 1, { ...AGENT, pid: 1 }), 'E_CONFLICT')
      await jobRuns.finish(id, 1, { state: 'succeeded' })
      await expectCode(jobRuns.start(id, 1, AGENT), 'E_CONFLICT')
    })

    test('renew changes the lease of an open run and of no other', async ({ stores: { jobRuns }, stores }) => {
      const { id, lease } = await (await dueJob(stores, 'j')).claim(1)
      await jobRuns.renew(id, 1)
      const renewed = (await jobRuns.state('j'))?.runs[0]
      expect(renewed?.lease).not.toBe(lease)
      await expectCode(jobRuns.renew(id, 2), 'E_CONFLICT')
      const running = await jobRuns.start(id, 1, AGENT)
      await jobRuns.renew(id, 1)
      const open = await jobRuns.list({ limit: 0, only: 'open' })
      expect(open.map((run) => run.state)).toEqual(['running'])
      expect(open[0]?.lease).not.toBe(running.lease)
      await jobRuns.finish(id, 1, { state: 'failed', reason: 'no' })
      await expectCode(jobRuns.renew(id, 1), 'E_CONFLICT')
    })

    test('the same end again is a success, another one a conflict', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      await jobRuns.start(id, 1, AGENT)
      await expectCode(jobRuns.finish(id, 2, { state: 'succeeded' }), 'E_CONFLICT')
      const end = { state: 'succeeded', output: 'done' } as const
      const ended = await jobRuns.finish(id, 1, end)
      expect(await jobRuns.finish(id, 1, end)).toEqual(ended)
      await expectCode(jobRuns.finish(id, 1, { state: 'failed', reason: 'late' }), 'E_CONFLICT')
      await expectCode(jobRuns.finish(id, 1, { state: 'succeeded', output: 'other' }), 'E_CONFLICT')
      await expectCode(jobRuns.finish(id, 2, end), 'E_CONFLICT')
      expect(await jobRuns.get(id)).toEqual(ended)
    })

    test('the same holds while the result waits for its delivery', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await (await dueJob(stores, 'j', { channel: 'telegram', recipientId: '42' })).claim(1)
      await jobRuns.start(id, 1, AGENT)
      const end = { state: 'failed', reason: 'no', output: 'half' } as const
      const ended = await jobRuns.finish(id, 1, end)
      expect(await jobRuns.finish(id, 1, end)).toEqual(ended)
      await expectCode(jobRuns.finish(id, 1, { ...end, output: 'other' }), 'E_CONFLICT')
      await expectCode(jobRuns.finish(id, 1, { state: 'succeeded' }), 'E_CONFLICT')
    })

    test('lastError and failures count failures in a row', async ({
      stores: { jobRuns, scheduledJobs },
      stores,
      open,
    }) => {
      const due = await dueJob(stores, 'j')
      await runThrough(stores, due, 1, { state: 'failed', reason: 'first reason' })
      await runThrough(stores, due, 2, { state: 'failed', reason: 'second reason' })
      expect(await jobRuns.state('j')).toMatchObject({ failures: 2, lastError: 'second reason' })
      const other = await open()
      expect(await other.scheduledJobs.load('j')).toMatchObject({
        lastError: 'second reason',
        revision: due.stored.revision,
      })
      expect((await other.scheduledJobs.list()).jobs[0]).toMatchObject({ lastError: 'second reason' })
      const good = await runThrough(stores, due, 3)
      const state = await jobRuns.state('j')
      expect(state).toMatchObject({ failures: 0, lastRun: good.startedAt })
      expect(state).not.toHaveProperty('lastError')
      expect(await scheduledJobs.load('j')).toEqual({ ...due.stored, lastRun: good.startedAt })
    })

    test('an interrupted run counts neither as failure nor as success', async ({ stores: { jobRuns }, stores }) => {
      const due = await dueJob(stores, 'j')
      await runThrough(stores, due, 1, { state: 'failed', reason: 'x' })
      await runThrough(stores, due, 2, { state: 'interrupted', reason: 'the daemon was stopped' })
      expect(await jobRuns.state('j')).toMatchObject({ failures: 1, lastError: 'the daemon was stopped' })
    })

    test('a claimed run may end without a start', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      expect((await jobRuns.finish(id, 1, { state: 'interrupted' })).state).toBe('interrupted')
      expect((await jobRuns.state('j'))?.lastRun).toBeInstanceOf(Date)
    })

    test('a run outlives its job', async ({ stores: { jobRuns, scheduledJobs }, stores }) => {
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      await jobRuns.start(id, 1, AGENT)
      await scheduledJobs.delete('j')
      await jobRuns.renew(id, 1)
      await jobRuns.finish(id, 1, { state: 'succeeded', output: 'late' })
      expect(await jobRuns.get(id)).toMatchObject({ state: 'succeeded', output: 'late' })
      expect(await jobRuns.list({ jobId: 'j', limit: 0 })).toHaveLength(1)
      expect(await jobRuns.state('j')).toBeUndefined()
    })

    test('a run that nobody knows is not found', async ({ stores: { jobRuns } }) => {
      await expectCode(jobRuns.get('none'), 'E_NOT_FOUND')
      await expectCode(jobRuns.start('none', 1, AGENT), 'E_NOT_FOUND')
      await expectCode(jobRuns.renew('none', 1), 'E_NOT_FOUND')
      await expectCode(jobRuns.finish('none', 1, { state: 'failed' }), 'E_NOT_FOUND')
      await expectCode(jobRuns.reap('none', { fence: 1, reason: 'x' }, REAPER), 'E_NOT_FOUND')
      await expectCode(jobRuns.claimDelivery('none', 1), 'E_NOT_FOUND')
    })
  })

  describe('reaping', () => {
    test('a running one becomes lost and frees the slot', async ({ stores: { jobRuns }, stores }) => {
      const due = await dueJob(stores, 'j')
      const { id } = await due.claim(1)
      const { lease } = await jobRuns.start(id, 1, AGENT)
      const lost = await jobRuns.reap(id, { fence: 1, lease, reason: 'its daemon died' }, REAPER)
      expect(lost).toMatchObject({ state: 'lost', reason: 'its daemon died', finishedAt: expect.any(Date) })
      expect(await jobRuns.state('j')).toMatchObject({ runs: [], failures: 1, lastError: 'its daemon died' })
      await expectCode(jobRuns.finish(id, 1, { state: 'succeeded' }), 'E_CONFLICT')
      await expectCode(jobRuns.renew(id, 1), 'E_CONFLICT')
      await due.claim(2)
    })

    test('a claimed one is claimed again with the next fence; the old holder is out', async ({
      stores: { jobRuns },
      stores,
    }) => {
      const { id, snapshot } = await (await dueJob(stores, 'j')).claim(1)
      const again = await jobRuns.reap(id, { fence: 1, reason: 'no start' }, REAPER)
      expect(again).toMatchObject({ ...REAPER, id, state: 'claimed', fence: 2, snapshot })
      expect(await jobRuns.reap(id, { fence: 1, reason: 'no start' }, REAPER)).toEqual(again)
      await expectCode(jobRuns.start(id, 1, AGENT), 'E_CONFLICT')
      await expectCode(jobRuns.reap(id, { fence: 1, reason: 'x' }, { ...REAPER, token: 'other' }), 'E_CONFLICT')
      expect((await jobRuns.start(id, 2, AGENT)).state).toBe('running')
      expect(await jobRuns.list({ limit: 0 })).toHaveLength(1)
    })

    test('the reason of a second claim is not that of its success', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      await jobRuns.reap(id, { fence: 1, reason: 'no start' }, REAPER)
      expect(await jobRuns.start(id, 2, AGENT)).not.toHaveProperty('reason')
      const ended = await jobRuns.finish(id, 2, { state: 'succeeded' })
      expect(ended).not.toHaveProperty('reason')
      expect(await jobRuns.finish(id, 2, { state: 'succeeded' })).toEqual(ended)
    })

    test('after three claims without a start it has failed', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      await jobRuns.reap(id, { fence: 1, reason: 'one' }, { ...REAPER, token: 't2' })
      await jobRuns.reap(id, { fence: 2, reason: 'two' }, { ...REAPER, token: 't3' })
      const failed = await jobRuns.reap(id, { fence: 3, reason: 'exit code 7' }, { ...REAPER, token: 't4' })
      expect(failed.state).toBe('failed')
      expect(failed.reason).toContain('exit code 7')
      expect((await jobRuns.state('j'))?.runs).toEqual([])
    })

    test('a renewed lease, or an end, is a conflict', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      const { lease } = await jobRuns.start(id, 1, AGENT)
      await jobRuns.renew(id, 1)
      await expectCode(jobRuns.reap(id, { fence: 1, lease, reason: 'x' }, REAPER), 'E_CONFLICT')
      expect((await jobRuns.state('j'))?.runs[0]?.state).toBe('running')
      await jobRuns.finish(id, 1, { state: 'succeeded' })
      await expectCode(jobRuns.reap(id, { fence: 1, reason: 'x' }, REAPER), 'E_CONFLICT')
    })
  })

  describe('deliveries', () => {
    const TO = { channel: 'telegram', recipientId: '42' }

    test('pending with the end, sending on a fence, delivered', async ({ stores: { jobRuns }, stores, open }) => {
      const due = await dueJob(stores, 'j', TO)
      const ended = await runThrough(stores, due, 1)
      expect(ended.delivery).toEqual({ state: 'pending', attempts: 0, parts: 0 })
      const other = await open()
      expect(await other.jobRuns.list({ limit: 0, only: 'undelivered' })).toEqual([ended])
      const sending = await jobRuns.claimDelivery(ended.id, 7)
      expect(sending.delivery).toEqual({ state: 'sending', attempts: 1, parts: 0, fence: 7 })
      expect(await jobRuns.list({ limit: 0, only: 'undelivered' })).toEqual([sending])
      const sent = await jobRuns.finishDelivery(ended.id, 7, { state: 'delivered', parts: 2 })
      expect(sent.delivery).toMatchObject({ state: 'delivered', attempts: 1, parts: 2 })
      expect(await other.jobRuns.get(ended.id)).toEqual(sent)
      expect(await jobRuns.list({ limit: 0, only: 'undelivered' })).toEqual([])
      expect((await jobRuns.state('j'))?.runs).toEqual([])
      await expectCode(jobRuns.claimDelivery(ended.id, 8), 'E_CONFLICT')
    })

    test('only a newer fence takes over what is being sent', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await runThrough(stores, await dueJob(stores, 'j', TO), 1)
      await jobRuns.claimDelivery(id, 7)
      await expectCode(jobRuns.claimDelivery(id, 7), 'E_CONFLICT')
      await expectCode(jobRuns.claimDelivery(id, 6), 'E_CONFLICT')
      expect((await jobRuns.claimDelivery(id, 8)).delivery).toMatchObject({ fence: 8, attempts: 2 })
      await expectCode(jobRuns.finishDelivery(id, 7, { state: 'delivered', parts: 1 }), 'E_CONFLICT')
      await jobRuns.finishDelivery(id, 8, { state: 'delivered', parts: 1 })
    })

    test('pending asks for another attempt and keeps parts and error', async ({ stores: { jobRuns }, stores }) => {
      const { id } = await runThrough(stores, await dueJob(stores, 'j', TO), 1)
      await jobRuns.claimDelivery(id, 1)
      const again = await jobRuns.finishDelivery(id, 1, { state: 'pending', parts: 1, error: 'timed out' })
      expect(again.delivery).toMatchObject({ state: 'pending', parts: 1, error: 'timed out', attempts: 1 })
      expect((await jobRuns.claimDelivery(id, 1)).delivery).toMatchObject({ state: 'sending', parts: 1, attempts: 2 })
      const failed = await jobRuns.finishDelivery(id, 1, { state: 'failed', parts: 1, error: 'blocked' })
      expect(failed.delivery).toMatchObject({ state: 'failed', error: 'blocked' })
      expect(await jobRuns.list({ limit: 0, only: 'undelivered' })).toEqual([])
    })

    test('failed, interrupted and lost runs are told too; a run without a recipient never', async ({
      stores: { jobRuns },
      stores,
    }) => {
      const due = await dueJob(stores, 'j', TO)
      expect((await runThrough(stores, due, 1, { state: 'failed' })).delivery.state).toBe('pending')
      expect((await runThrough(stores, due, 2, { state: 'interrupted' })).delivery.state).toBe('pending')
      const { id } = await due.claim(3)
      await jobRuns.start(id, 1, AGENT)
      expect((await jobRuns.reap(id, { fence: 1, reason: 'x' }, REAPER)).delivery.state).toBe('pending')
      const quiet = await runThrough(stores, await dueJob(stores, 'quiet'), 1)
      expect(quiet.delivery.state).toBe('none')
      await expectCode(jobRuns.claimDelivery(quiet.id, 1), 'E_CONFLICT')
      expect(await jobRuns.list({ limit: 0, only: 'undelivered' })).toHaveLength(3)
      expect(await jobRuns.list({ limit: 2, only: 'undelivered' })).toHaveLength(2)
    })

    test('a result is delivered after its job is gone, and then its state is gone too', async ({
      stores: { jobRuns, scheduledJobs },
      stores,
    }) => {
      const { id } = await runThrough(stores, await dueJob(stores, 'j', TO), 1)
      await scheduledJobs.delete('j')
      expect(await jobRuns.list({ limit: 0, only: 'undelivered' })).toHaveLength(1)
      await jobRuns.claimDelivery(id, 1)
      await jobRuns.finishDelivery(id, 1, { state: 'delivered', parts: 1 })
      expect(await jobRuns.state('j')).toBeUndefined()
    })
  })

  describe('lists of runs', () => {
    test('newest scheduledFor first, of one job or of all, with limits', async ({ stores: { jobRuns }, stores }) => {
      const a = await dueJob(stores, 'a', { overlap: 'allow' })
      const b = await dueJob(stores, 'b', { overlap: 'allow' })
      const first = Math.max(a.fire(1).getTime(), b.fire(1).getTime())
      const claim = async (due: typeof a, ms: number) => await due.claim(first + ms - due.fire(0).getTime())
      const runs = [await claim(a, 1), await claim(b, 2), await claim(a, 3), await claim(b, 4), await claim(a, 5)]
      const expected = runs.toReversed().map(({ id }) => id)
      const ids = async (options: Parameters<typeof jobRuns.list>[0]) =>
        (await jobRuns.list(options)).map(({ id }) => id)
      expect(await ids({ limit: 0 })).toEqual(expected)
      expect(await ids({ limit: -1 })).toEqual(expected)
      expect(await ids({ limit: 2 })).toEqual(expected.slice(0, 2))
      expect(await ids({ limit: 0, jobId: 'a' })).toEqual([expected[0], expected[2], expected[4]])
      expect(await ids({ limit: 1, jobId: 'b' })).toEqual([expected[1]])
      expect(await ids({ limit: 0, jobId: 'none' })).toEqual([])
      await jobRuns.finish(runs[4]?.id ?? '', 1, { state: 'succeeded' })
      expect(await ids({ limit: 0, only: 'open' })).toEqual(expected.slice(1))
      expect(await ids({ limit: 2, only: 'open' })).toEqual(expected.slice(1, 3))
      expect(await ids({ limit: 0, only: 'open', jobId: 'a' })).toEqual([expected[2], expected[4]])
    })

    test('ties of scheduledFor are by id descending', async ({ stores: { jobRuns }, stores }) => {
      const due = await dueJob(stores, 'j', { overlap: 'allow' })
      for (let i = 0; i < 6; i++) await due.claim(1, { trigger: 'manual' })
      const ids = (await jobRuns.list({ limit: 0 })).map(({ id }) => id)
      expect(ids).toHaveLength(6)
      expect(ids).toEqual(ids.toSorted().reverse())
      expect((await jobRuns.list({ limit: 3 })).map(({ id }) => id)).toEqual(ids.slice(0, 3))
    })

    test('prune keeps the newest, and open and undelivered ones always', async ({
      stores: { jobRuns },
      stores,
      open,
    }) => {
      const due = await dueJob(stores, 'j', { overlap: 'allow' })
      const opened = await due.claim(1)
      for (let n = 2; n <= 7; n++) await runThrough(stores, due, n)
      const other = await runThrough(stores, await dueJob(stores, 'other'), 1)
      expect(await jobRuns.prune('j', 10)).toBe(0)
      expect(await jobRuns.prune('j', 2)).toBe(4)
      expect(await jobRuns.prune('j', 2)).toBe(0)
      const runs = await (await open()).jobRuns.list({ jobId: 'j', limit: 0 })
      expect(runs.map(({ scheduledFor }) => scheduledFor)).toEqual([due.fire(7), due.fire(6), due.fire(1)])
      expect(await jobRuns.prune('j', 0)).toBe(2)
      expect(await jobRuns.list({ jobId: 'j', limit: 0 })).toEqual([opened])
      expect(await jobRuns.get(other.id)).toEqual(other)
      expect(await jobRuns.prune('none', 1)).toBe(0)
    })

    test('prune keeps a result that waits for its delivery', async ({ stores: { jobRuns }, stores }) => {
      const due = await dueJob(stores, 'j', { channel: 'telegram', recipientId: '42' })
      const waiting = await runThrough(stores, due, 1)
      expect(await jobRuns.prune('j', 0)).toBe(0)
      expect(await jobRuns.get(waiting.id)).toEqual(waiting)
    })

    test('pruning forgets records, never that something ran', async ({ stores: { jobRuns }, stores }) => {
      const due = await dueJob(stores, 'j')
      const { id } = await runThrough(stores, due, 5)
      await jobRuns.prune('j', 0)
      await expectCode(jobRuns.get(id), 'E_NOT_FOUND')
      expect(await jobRuns.claim(request(due.stored, due.fire(5)))).toEqual({ claimed: false, refusal: 'past' })
    })
  })

  describe('scheduling states', () => {
    test('state and states tell the same', async ({ stores: { jobRuns }, stores, open }) => {
      expect(await jobRuns.state('a')).toBeUndefined()
      expect(await jobRuns.states()).toEqual(new Map())
      await (await dueJob(stores, 'a')).claim(1)
      await runThrough(stores, await dueJob(stores, 'b'), 1, { state: 'failed', reason: 'r' })
      const { jobRuns: other } = await open()
      const states = await other.states()
      expect([...states.keys()].sort()).toEqual(['a', 'b'])
      expect(states.get('a')).toEqual(await jobRuns.state('a'))
      expect(states.get('b')).toEqual(await jobRuns.state('b'))
    })

    test('track writes nothing when state and definition match', async ({ stores: { jobRuns }, stores }) => {
      await (await dueJob(stores, 'j')).claim(1)
      const state = await jobRuns.state('j')
      expect(await jobRuns.track('j')).toEqual(state)
      expect(await jobRuns.state('j')).toEqual(state)
      await expectCode(jobRuns.track('none'), 'E_NOT_FOUND')
    })

    test('now is the present, to the millisecond', async ({ stores: { jobRuns } }) => {
      const now = await jobRuns.now()
      expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(60_000)
    })
  })
}
