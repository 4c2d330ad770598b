import { describe, expect, it } from 'vitest'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { job } from '../storage/conformance/samples.ts'
import { makeBackend } from '../support/backends.ts'
import { SchedulerProcess } from '../support/scheduler-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { DURABLE } from './durable.ts'
import { expectEachSecondOnce } from './every-second.ts'

const TEST_MS = 300_000
const HOUR_MS = 3_600_000
/** Long enough for a renewal on a busy machine. */
const LEASE_MS = 12_000
const PATIENCE_MS = 90_000

async function save(stores: Stores, id: string, more: Partial<ScheduledJob> = {}): Promise<void> {
  const createdAt = await stores.jobRuns.now()
  const every = { cronExpression: '@every 1s', timezone: 'UTC', createdAt, updatedAt: createdAt }
  await stores.scheduledJobs.save(job(id, { ...every, ...more }))
}

async function runsOf(stores: Stores, jobId: string) {
  return (await stores.jobRuns.list({ jobId, limit: 0 })).reverse()
}

describe('a daemon whose machine sets its clock two hours forward, and then two hours back,', () => {
  it.concurrent.each(DURABLE)(
    'runs nothing twice on %s and loses no healthy run',
    async (type) => {
      await using backend = await makeBackend(type)
      const stores = await backend.open()
      const storage = backend.options()
      const orders = { storage, leaseMs: LEASE_MS, held: ['held'], catchUpWindowMs: 3 * HOUR_MS }
      await using jumper = await SchedulerProcess.begin({ ...orders, owner: 'jumper' })
      await save(stores, 'held', { overlap: 'skip', runOnce: true })
      await save(stores, 'often')
      const started = (id: string) => jumper.started.filter((one) => one.job === id).length
      const more = async (id: string, count = 2) => {
        const before = started(id)
        await waitFor(`${count} more runs of ${id}`, () => started(id) >= before + count, PATIENCE_MS)
      }
      await waitFor('the held run', () => started('held') === 1, PATIENCE_MS)
      await more('often')

      jumper.jump(2 * HOUR_MS)
      await more('often')
      // Longer than a lease: the held run is judged meanwhile.
      const leaseEnds = performance.now() + 1.5 * LEASE_MS
      await waitFor('a lease', () => performance.now() > leaseEnds, PATIENCE_MS)

      jumper.jump(0)
      await save(stores, 'late')
      await more('late', 1)
      const before = started('often')
      await more('late')
      // Of files this process's clock is the store's: what was done two hours ahead stays done.
      if (type === 'jsonl') expect(started('often')).toBe(before)
      else await more('often')

      // On a machine that stalls its first fires are missed, which is a record without a fence.
      const held = async () => (await runsOf(stores, 'held')).filter(({ fence }) => fence > 0)
      expect(await held()).toMatchObject([{ state: 'running', fence: 1 }])
      expect(await jumper.stop()).toBe(0)
      expect(await held()).toMatchObject([{ state: 'succeeded', fence: 1 }])
      const often = await runsOf(stores, 'often')
      expectEachSecondOnce(often)
      const ran = often.filter(({ state }) => state === 'succeeded')
      const began = jumper.started.filter((one) => one.job === 'often').map(({ at }) => at.getTime())
      expect(began).toEqual(ran.map(({ scheduledFor }) => scheduledFor.getTime()))
      const missed = often.flatMap(({ state, count }) => (state === 'missed' ? [count] : []))
      if (type === 'jsonl') expect(Math.max(...missed)).toBeGreaterThan(7_000)
      else expect(Math.max(0, ...missed)).toBeLessThan(7_000)
      expectEachSecondOnce(await runsOf(stores, 'late'))
    },
    TEST_MS,
  )
})
