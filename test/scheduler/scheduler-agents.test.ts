import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { agentOf, fakeTime, memory, outcomes, pass, Scheduling, saveJob } from './scheduling.ts'

beforeEach(fakeTime)
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('agents that end', () => {
  it('tries a claim whose agent did not begin again, and fails it after three, with its last words', async () => {
    const stores = memory()
    await saveJob(stores, { cronExpression: '@hourly' })
    const runJob = async () => ({ reason: 'the agent ended: exit code 1: infer: no gateway', interrupted: false })
    await using one = await Scheduling.begin(stores, { runJob })
    await pass(3_600)
    expect(one.started.map(({ fence }) => fence)).toEqual([1, 2, 3])
    const [run] = await stores.jobRuns.list({ limit: 0 })
    expect(run).toMatchObject({
      state: 'failed',
      reason: 'the agent did not start in 3 attempts: the agent ended: exit code 1: infer: no gateway',
    })
    expect((await stores.scheduledJobs.load('job')).lastError).toBe(run?.reason)
  })

  it('does not claim again what did not begin while the store is not healthy, such as of a newer schema', async () => {
    const stores = memory()
    await saveJob(stores, { cronExpression: '@hourly' })
    let newer = false
    const health = async () => {
      if (newer) throw new StorageError('E_SCHEMA_NEWER', 'memory', 'a newer release has changed the schema')
    }
    const runJob = async () => {
      newer = true
      return { reason: 'the agent ended: exit code 1', interrupted: false }
    }
    await using one = await Scheduling.begin(stores, { runJob, health })
    await pass(3_600 + 20)
    expect(one.started.map(({ fence }) => fence)).toEqual([1])
    expect(await outcomes(stores)).toEqual([['claimed', 3_600, 1]])
    newer = false
    await using two = await Scheduling.begin(stores, { owner: 'daemon-2' })
    await pass(70)
    expect([...one.started, ...two.started].map(({ fence }) => fence)).toContain(2)
    expect(await outcomes(stores)).toEqual([['succeeded', 3_600, 1]])
  })

  it('loses a run whose agent died, at once, and takes the next fire', async () => {
    const stores = memory()
    await saveJob(stores)
    const agent = agentOf(stores)
    let killed = false
    const runJob = async (run: JobRun) => {
      if (killed) return await agent(run)
      killed = true
      await stores.jobRuns.start(run.id, run.fence, { pid: 1, host: 'host' })
      return { reason: 'the agent ended: signal SIGKILL', interrupted: false }
    }
    await using one = await Scheduling.begin(stores, { runJob })
    await pass(20)
    expect(one.fires).toEqual([10, 20])
    expect(await outcomes(stores)).toEqual([
      ['lost', 10, 1],
      ['succeeded', 20, 1],
    ])
  })

  it('interrupts what it has ended itself, and leaves what has not begun to the next scheduler', async () => {
    const stores = memory()
    await saveJob(stores, { id: 'begun', cronExpression: '@hourly' })
    await saveJob(stores, { id: 'not-begun', cronExpression: '@hourly' })
    const end = Promise.withResolvers<void>()
    const runJob = async ({ id, fence, jobId }: JobRun) => {
      if (jobId === 'begun') await stores.jobRuns.start(id, fence, { pid: 1, host: 'host' })
      await end.promise
      return { reason: 'the agent ended: signal SIGTERM', interrupted: true }
    }
    const one = await Scheduling.begin(stores, { runJob })
    await pass(3_600)
    await one.stop()
    end.resolve()
    await one.scheduler.settled()
    expect(await outcomes(stores, 'begun')).toEqual([['interrupted', 3_600, 1]])
    expect(await outcomes(stores, 'not-begun')).toEqual([['claimed', 3_600, 1]])
    await using two = await Scheduling.begin(stores, { owner: 'daemon-2' })
    await pass(70)
    expect(two.started).toMatchObject([{ jobId: 'not-begun', fence: 2, owner: 'daemon-2' }])
    expect(await outcomes(stores, 'not-begun')).toEqual([['succeeded', 3_600, 1]])
  })

  it('starts nothing again while it stops', async () => {
    const stores = memory()
    await saveJob(stores, { cronExpression: '@hourly' })
    const end = Promise.withResolvers<void>()
    const runJob = async () => {
      await end.promise
      return { reason: 'the agent ended: exit code 1', interrupted: false }
    }
    const one = await Scheduling.begin(stores, { runJob })
    await pass(3_600)
    await one.stop()
    end.resolve()
    await one.scheduler.settled()
    expect(one.started).toHaveLength(1)
  })

  it('waits for claims that are under way before it has stopped', async () => {
    const stores = memory()
    await saveJob(stores)
    const answer = Promise.withResolvers<void>()
    const claim: Stores['jobRuns']['claim'] = async (request) => {
      const result = await stores.jobRuns.claim(request)
      await answer.promise
      return result
    }
    const one = await Scheduling.begin(stores, { runs: { ...stores.jobRuns, claim } })
    await pass(10)
    let stopped = false
    const stopping = one.stop().then(() => {
      stopped = true
    })
    await pass(1)
    expect(stopped).toBe(false)
    answer.resolve()
    await stopping
    await one.scheduler.settled()
    expect(await outcomes(stores)).toEqual([['succeeded', 10, 1]])
  })
})
