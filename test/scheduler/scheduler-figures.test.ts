import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RunObserver } from '#scheduler/observation.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { RunState } from '#storage/contract/job-runs.ts'
import { agentOf, fakeTime, memory, pass, Scheduling, saveJob } from './scheduling.ts'

beforeEach(fakeTime)
afterEach(() => {
  vi.useRealTimers()
})

/** Notes what it hears. */
class Heard implements RunObserver {
  readonly delays: number[] = []
  readonly ends: [RunState, number][] = []

  claimed(delayMs: number): void {
    this.delays.push(delayMs)
  }

  ended(state: RunState, count: number): void {
    this.ends.push([state, count])
  }
}

/** A store that refuses claims while it is away. */
function withClaims() {
  const stores = memory()
  const gate = { away: true }
  const jobRuns: typeof stores.jobRuns = {
    ...stores.jobRuns,
    claim: async (request) => {
      if (gate.away) throw new StorageError('E_UNAVAILABLE', 'memory', 'nobody answers')
      return await stores.jobRuns.claim(request)
    },
  }
  return { stores: { ...stores, jobRuns }, gate }
}

describe('the figures of a scheduler', () => {
  it('count jobs, those not paused, and active runs', async () => {
    const stores = memory()
    await saveJob(stores)
    await saveJob(stores, { id: 'paused', enabled: false })
    await saveJob(stores, { id: 'wrong', cronExpression: '@every 0s' }).catch(() => {})
    await using scheduling = await Scheduling.begin(stores, { runJob: agentOf(stores, 5) })
    const { scheduler } = scheduling
    const idle = { jobs: 2, enabled: 1, due: 0, behind: false, activeRuns: 0, watchLagMs: 0 }
    expect(scheduler.figures()).toEqual(idle)
    expect([scheduler.knows('job'), scheduler.knows('nothing')]).toEqual([true, false])
    await pass(11)
    expect(scheduler.figures()).toEqual({ ...idle, activeRuns: 1 })
  })

  it('are behind after 60 s with a fire that nobody claims beside a free slot, and not once it is claimed; each is said once', async () => {
    const { stores, gate } = withClaims()
    await saveJob(stores)
    await using scheduling = await Scheduling.begin(stores)
    const { scheduler } = scheduling
    await pass(12)
    expect(scheduler.figures()).toMatchObject({ due: 1, behind: false })
    await pass(57)
    expect(scheduler.figures()).toMatchObject({ due: 1, behind: false })
    const said = () => scheduling.log.messages('warn', 'info').filter((message) => message.includes('behind'))
    expect(said()).toEqual([])
    await pass(10)
    expect(scheduler.figures()).toMatchObject({ due: 1, behind: true })
    await pass(60)
    const behind = 'behind: a due fire has been unclaimed for 60 s beside a free slot'
    expect(said()).toEqual([behind])
    gate.away = false
    await pass(61)
    expect(scheduler.figures()).toMatchObject({ due: 0, behind: false })
    expect(said()).toEqual([behind, 'no longer behind'])
  })

  it('are behind while a newer schema stops it', async () => {
    const stores = memory()
    await saveJob(stores)
    let newer = false
    const health = async () => {
      if (newer) throw new StorageError('E_SCHEMA_NEWER', 'memory', 'a newer release changed it')
    }
    await using scheduling = await Scheduling.begin(stores, { health })
    newer = true
    await pass(120)
    expect(scheduling.scheduler.figures()).toMatchObject({ due: 1, behind: true })
    newer = false
    await pass(10)
    expect(scheduling.scheduler.figures()).toMatchObject({ due: 0, behind: false })
  })

  it('are not behind while every slot is taken', async () => {
    const stores = memory()
    await saveJob(stores)
    await saveJob(stores, { id: 'other' })
    const options = { runJob: agentOf(stores, 300), maxConcurrentRuns: 1 }
    await using scheduling = await Scheduling.begin(stores, options)
    await pass(200)
    expect(scheduling.scheduler.figures()).toMatchObject({ due: 2, behind: false, activeRuns: 1 })
  })

  it('are not behind when each fire is claimed, however slowly', async () => {
    const stores = memory()
    await saveJob(stores, { cronExpression: '@every 1s' })
    const claim: typeof stores.jobRuns.claim = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      return await stores.jobRuns.claim(request)
    }
    await using scheduling = await Scheduling.begin(stores, { runs: { ...stores.jobRuns, claim } })
    await pass(120.5)
    expect(scheduling.scheduler.figures()).toMatchObject({ due: 1, behind: false })
    const stopped = scheduling.stop()
    await pass(3)
    await stopped
  })

  it('say for how long the jobs have been out of sync', async () => {
    const stores = memory()
    const never = async function* () {
      await new Promise<void>(() => {})
    }
    const scheduling = await Scheduling.begin(stores, {
      jobs: { ...stores.scheduledJobs, watch: never as unknown as typeof stores.scheduledJobs.watch },
    })
    await pass(30)
    expect(scheduling.scheduler.figures()).toMatchObject({ due: 0, behind: false, watchLagMs: 30_000 })
  })
})

describe('an observer hears', () => {
  it('of each claim with its delay, and of each end', async () => {
    const observer = new Heard()
    const stores = memory()
    await saveJob(stores)
    await using _scheduling = await Scheduling.begin(stores, { observer, runJob: agentOf(stores, 12) })
    await pass(33)
    expect(observer.delays).toEqual([0, 0])
    expect(observer.ends).toEqual([
      ['skipped', 1],
      ['succeeded', 1],
    ])
  })

  it('of gaps, with their count', async () => {
    const observer = new Heard()
    const stores = memory()
    await saveJob(stores)
    await pass(45)
    await using _scheduling = await Scheduling.begin(stores, { observer })
    await pass(1)
    expect(observer.delays).toEqual([5_000])
    expect(observer.ends).toEqual([
      ['missed', 3],
      ['succeeded', 1],
    ])
  })

  it('of an agent that died, but not of a run that somebody else has settled', async () => {
    const observer = new Heard()
    const stores = memory()
    await saveJob(stores)
    let taken = false
    await using _scheduling = await Scheduling.begin(stores, {
      observer,
      runJob: async ({ id, fence }) => {
        await stores.jobRuns.start(id, fence, { pid: 1, host: 'host' })
        if (taken) await stores.jobRuns.reap(id, { fence, reason: 'gone' }, { owner: 'o', host: 'h', token: 't' })
        return { reason: 'the agent ended: signal SIGKILL', interrupted: false }
      },
    })
    await pass(11)
    expect(observer.ends).toEqual([['lost', 1]])
    taken = true
    await pass(10)
    expect(observer.delays).toHaveLength(2)
    expect(observer.ends).toEqual([['lost', 1]])
  })
})
