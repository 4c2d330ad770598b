import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { agentOf, fakeTime, memory, outcomes, pass, Scheduling, saveJob, seconds } from './scheduling.ts'

beforeEach(fakeTime)
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('clocks', () => {
  it.each(['latest', 'none'] as const)(
    'treats a jump two hours forward as an absence (catch-up %s)',
    async (catchUp) => {
      const stores = memory()
      await saveJob(stores, { cronExpression: '@hourly', catchUp })
      await using one = await Scheduling.begin(stores, { catchUpWindowMs: 3_600_000 * 3 })
      await pass(1_800)
      vi.setSystemTime(seconds(1_800 + 7_200))
      await pass(31)
      if (catchUp === 'latest') {
        expect(one.started).toMatchObject([{ scheduledFor: seconds(7_200), trigger: 'catch-up' }])
        expect(await outcomes(stores)).toEqual([
          ['missed', 3_600, 1],
          ['succeeded', 7_200, 1],
        ])
      } else {
        expect(one.started).toEqual([])
        expect(await outcomes(stores)).toEqual([['missed', 7_200, 2]])
      }
    },
  )

  it('runs nothing twice after a jump two hours back, and goes on behind the cursor', async () => {
    const stores = memory()
    await saveJob(stores, { cronExpression: '*/30 * * * *' })
    await using one = await Scheduling.begin(stores)
    await pass(3_600)
    expect(one.fires).toEqual([1_800, 3_600])
    vi.setSystemTime(seconds(3_600 - 7_200))
    await pass(7_200)
    expect(one.fires).toEqual([1_800, 3_600])
    await pass(1_801)
    expect(one.fires).toEqual([1_800, 3_600, 5_400])
    expect(one.started.at(-1)?.trigger).toBe('schedule')
  })

  it('takes nothing for missed after a jump back that only waited for a slot', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores, { maxConcurrentRuns: 1, runJob: agentOf(stores, 20) })
    await pass(60)
    vi.setSystemTime(seconds(-7_200))
    await pass(31)
    await saveJob(stores, { id: 'first', cronExpression: '@every 10s' })
    await saveJob(stores, {
      id: 'second',
      cronExpression: '@every 10m',
      createdAt: seconds(-7_200 + 31 + 11 - 600),
      catchUp: 'none',
    })
    await pass(10.5)
    await stores.scheduledJobs.delete('first')
    await pass(21)
    expect(one.started.map(({ jobId, trigger }) => [jobId, trigger])).toEqual([
      ['first', 'schedule'],
      ['second', 'schedule'],
    ])
  })

  it('fires by the clock of the store when its own is ahead', async () => {
    const stores = memory()
    await saveJob(stores)
    const claimed: Date[] = []
    // A machine ten minutes ahead of its store: what it takes for now is what the store says.
    const clock = { wall: () => Date.now() + 600_000, monotonic: () => performance.now() + 600_000 }
    await using one = await Scheduling.begin(stores, {
      clock,
      runJob: async (run) => {
        claimed.push(new Date())
        return await agentOf(stores)(run)
      },
    })
    await pass(10)
    expect(one.fires).toEqual([10])
    expect(claimed).toEqual([seconds(10)])
  })

  it('asks the clock of the store again when a claim is refused as early', async () => {
    const stores = memory()
    await saveJob(stores)
    let asked = 0
    const now = async () => {
      asked += 1
      return new Date(Date.now() + (asked === 1 ? 5_000 : 0))
    }
    await using one = await Scheduling.begin(stores, { runs: { ...stores.jobRuns, now } })
    await pass(9.9)
    expect(asked).toBe(2)
    expect(one.fires).toEqual([])
    await pass(0.1)
    expect(one.fires).toEqual([10])
  })

  it('takes a long stop of its process for an absence', async () => {
    const stores = memory()
    await saveJob(stores, { catchUp: 'none' })
    await using _one = await Scheduling.begin(stores)
    await pass(11)
    // Both clocks have gone on, no timer has run.
    const { now } = performance
    vi.setSystemTime(seconds(11 + 95))
    vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 95_000)
    await pass(15)
    expect(await outcomes(stores)).toEqual([
      ['succeeded', 10, 1],
      ['missed', 110, 10],
      ['succeeded', 120, 1],
    ])
  })
})
