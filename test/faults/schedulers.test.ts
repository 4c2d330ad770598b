import { describe, expect, it } from 'vitest'
import { EARLY_TOLERANCE_MS } from '#storage/contract/job-runs.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { job } from '../storage/conformance/samples.ts'
import { makeBackend } from '../support/backends.ts'
import type { SchedulerOrders } from '../support/scheduler-child.ts'
import { SchedulerProcess } from '../support/scheduler-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { DURABLE } from './durable.ts'
import { expectEachSecondOnce } from './every-second.ts'

const TEST_MS = 240_000
const PATIENCE_MS = 60_000
const MINUTE_MS = 60_000

async function save(stores: Stores, id: string, more: Partial<ScheduledJob>): Promise<void> {
  const createdAt = await stores.jobRuns.now()
  await stores.scheduledJobs.save(job(id, { timezone: 'UTC', createdAt, updatedAt: createdAt, ...more }))
}

/** Resolves when the store's clock has passed a moment, which is waited for because nothing is to happen until then. */
async function passed({ jobRuns }: Stores, moment: Date): Promise<void> {
  await waitFor(`the clock shows ${moment.toISOString()}`, async () => (await jobRuns.now()) > moment, PATIENCE_MS)
}

const later = (moment: Date, ms: number) => new Date(moment.getTime() + ms)
const momentsOf = (schedulers: SchedulerProcess[]) =>
  schedulers.flatMap(({ started }) => started.map(({ at }) => at.getTime())).sort((a, b) => a - b)

describe('five schedulers, one with a clock that is ten minutes fast,', () => {
  it.concurrent.each(DURABLE)(
    'fire nothing early on %s, nothing twice, and leave nothing out',
    async (type) => {
      await using backend = await makeBackend(type)
      const stores = await backend.open()
      await using stack = new AsyncDisposableStack()
      // On jsonl this process's clock is the store's, so only the scheduler's own is fast; elsewhere all of the machine.
      const ahead = type === 'jsonl' ? 'aheadMs' : 'machineAheadMs'
      const orders = Array.from({ length: 5 }, (_, n): SchedulerOrders => {
        const storage = backend.options()
        return { storage, owner: `daemon-${n}`, ...(n === 0 && { [ahead]: 10 * MINUTE_MS }) }
      })
      const schedulers = (await Promise.all(orders.map((order) => SchedulerProcess.begin(order)))).map((one) =>
        stack.use(one),
      )
      await save(stores, 'in-five-minutes', { cronExpression: '@every 5m' })
      await save(stores, 'often', { cronExpression: '@every 1s' })
      await waitFor('six fires', () => momentsOf(schedulers).length >= 6, PATIENCE_MS)
      expect(await Promise.all(schedulers.map((one) => one.stop()))).toEqual([0, 0, 0, 0, 0])
      const runs = (await stores.jobRuns.list({ limit: 0 })).reverse()
      expect(runs.filter(({ jobId }) => jobId !== 'often')).toEqual([])
      expectEachSecondOnce(runs)
      const ran = runs.filter(({ state }) => state === 'succeeded')
      expect(momentsOf(schedulers)).toEqual(ran.map(({ scheduledFor }) => scheduledFor.getTime()))
      for (const { claimedAt = new Date(0), scheduledFor } of ran) {
        expect(claimedAt.getTime() - scheduledFor.getTime()).toBeGreaterThanOrEqual(-EARLY_TOLERANCE_MS)
      }
    },
    TEST_MS,
  )
})

describe('a job that runs once', () => {
  it.concurrent.each(DURABLE)(
    'runs once on %s with two schedulers, though its schedule goes on',
    async (type) => {
      await using backend = await makeBackend(type)
      const stores = await backend.open()
      const orders = (owner: string): SchedulerOrders => ({ storage: backend.options(), owner })
      await using one = await SchedulerProcess.begin(orders('one'))
      await using two = await SchedulerProcess.begin(orders('two'))
      const ids = Array.from({ length: 10 }, (_, n) => `j${n}`)
      await Promise.all(ids.map((id) => save(stores, id, { cronExpression: '@every 1s', runOnce: true })))
      await waitFor('every job', () => one.started.length + two.started.length >= ids.length, PATIENCE_MS)
      await passed(stores, later(await stores.jobRuns.now(), 2_500))
      await using three = await SchedulerProcess.begin(orders('three'))
      await passed(stores, later(await stores.jobRuns.now(), 1_500))
      expect(await Promise.all([one.stop(), two.stop(), three.stop()])).toEqual([0, 0, 0])
      expect([...one.started, ...two.started].map(({ job: id }) => id).sort()).toEqual(ids)
      expect(three.started).toEqual([])
      expect((await stores.scheduledJobs.list()).jobs).toEqual([])
      // On a busy machine a job's first fire may be missed before another one is its run.
      const runs = (await stores.jobRuns.list({ limit: 0 })).filter(({ state }) => state !== 'missed')
      expect(runs.map(({ jobId, state }) => `${jobId} ${state}`).sort()).toEqual(ids.map((id) => `${id} succeeded`))
    },
    TEST_MS,
  )
})

// Only on jsonl the store's clock is that of the process, which a test can set.
describe('on a machine whose clock is set', () => {
  it(
    'a job of every five minutes that runs once runs once with two schedulers',
    async () => {
      await using backend = await makeBackend('jsonl')
      const stores = await backend.open()
      await save(stores, 'job', { cronExpression: '*/5 * * * *', runOnce: true })
      // Three seconds before the next fire.
      const period = 5 * MINUTE_MS
      const machineAheadMs = period - (Date.now() % period) - 3_000
      const orders = (owner: string, more = 0): SchedulerOrders => {
        return { storage: backend.options(), owner, machineAheadMs: machineAheadMs + more }
      }
      const begin = async (more: number) =>
        await Promise.all(['one', 'two'].map((owner) => SchedulerProcess.begin(orders(owner, more))))
      await using stack = new AsyncDisposableStack()
      const first = (await begin(0)).map((one) => stack.use(one))
      await waitFor('the fire', () => momentsOf(first).length > 0, PATIENCE_MS)
      const ended = async () => (await stores.jobRuns.list({ limit: 0 }))[0]?.finishedAt !== undefined
      await waitFor('its end', ended, PATIENCE_MS)
      await Promise.all(first.map((one) => one.stop()))
      const second = (await begin(period - 3_000)).map((one) => stack.use(one))
      await passed(stores, later(new Date(), 5_000))
      await Promise.all(second.map((one) => one.stop()))
      expect(momentsOf(first)).toHaveLength(1)
      expect(momentsOf(second)).toEqual([])
      expect(await stores.jobRuns.list({ limit: 0 })).toMatchObject([{ state: 'succeeded', trigger: 'schedule' }])
    },
    TEST_MS,
  )

  it(
    'schedulers that were gone for five minutes make up for one fire, count the others, and repeat nothing that was pruned',
    async () => {
      await using backend = await makeBackend('jsonl')
      const stores = await backend.open()
      const orders = (owner: string, keepRuns: number, machineAheadMs: number): SchedulerOrders => {
        return { storage: backend.options(), owner, keepRuns, machineAheadMs }
      }
      await using before = await SchedulerProcess.begin(orders('before', 3, 0))
      await save(stores, 'job', { cronExpression: '@every 1s' })
      await waitFor('six fires', () => before.started.length >= 6, PATIENCE_MS)
      expect(await before.stop()).toBe(0)
      const kept = await stores.jobRuns.list({ limit: 0 })
      expect(kept.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded'])
      const last = before.started.at(-1)?.at.getTime() ?? 0

      await using after = await SchedulerProcess.begin(orders('after', 100, 5 * MINUTE_MS))
      await using beside = await SchedulerProcess.begin(orders('beside', 100, 5 * MINUTE_MS))
      const gap = async () => (await stores.jobRuns.list({ limit: 0 })).findLast(({ state }) => state === 'missed')
      const missed = await waitFor('the gap', gap, PATIENCE_MS)
      await waitFor('two more fires', () => momentsOf([after, beside]).length >= 3, PATIENCE_MS)
      await Promise.all([after.stop(), beside.stop()])
      const moments = momentsOf([after, beside])
      expect(missed).toMatchObject({ firstMissed: new Date(last + 1_000), reason: 'no daemon was there' })
      expect(missed.scheduledFor).toEqual(new Date((moments[0] ?? 0) - 1_000))
      expect(missed.count).toBe(((moments[0] ?? 0) - last) / 1_000 - 1)
      expect(missed.count).toBeGreaterThan(295)
      const runs = await stores.jobRuns.list({ limit: 0 })
      expectEachSecondOnce(runs)
      const ran = runs.filter(({ state, owner }) => state === 'succeeded' && owner !== 'before').reverse()
      expect(moments).toEqual(ran.map(({ scheduledFor }) => scheduledFor.getTime()))
    },
    TEST_MS,
  )
})
