import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreOutage } from '#scheduler/store-outage.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { agentOf, fakeTime, memory, outcomes, pass, Scheduling, START, saveJob, seconds } from './scheduling.ts'

beforeEach(fakeTime)
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const away = () => new StorageError('E_UNAVAILABLE', 'memory', 'nobody answers')

/** The same stores, which fail while `state.away`. The watch says so, as watches do, unless it is deaf. */
function fragile(stores: Stores, { deaf = false } = {}) {
  const state = { away: false, calls: 0 }
  const runs = new Proxy(stores.jobRuns, {
    get(target, name, receiver) {
      const method = Reflect.get(target, name, receiver) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        state.calls += 1
        if (state.away) throw away()
        return await method.apply(target, args)
      }
    },
  })
  const jobs: Stores['scheduledJobs'] = {
    ...stores.scheduledJobs,
    async *watch({ signal }) {
      const inner = stores.scheduledJobs.watch({ signal })[Symbol.asyncIterator]()
      let next = inner.next()
      let told = false
      while (!signal.aborted) {
        const look = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 500))
        const change = await Promise.race([next, look])
        if (change) {
          if (change.done) return
          yield change.value
          next = inner.next()
        } else if (state.away !== told && !deaf) {
          told = state.away
          yield told ? { type: 'unavailable', error: away() } : { type: 'synced' }
        }
      }
    },
  }
  return { state, options: { runs, jobs } }
}

describe('a store that goes away', () => {
  it.each([false, true])(
    'claims nothing, says so once, and goes on when it is back (unnoticed by the watch: %s)',
    async (deaf) => {
      const stores = memory()
      await saveJob(stores)
      const { state, options } = fragile(stores, { deaf })
      await using one = await Scheduling.begin(stores, options)
      await pass(12)
      state.away = true
      await pass(40)
      expect(one.fires).toEqual([10])
      expect(one.log.messages('error')).toEqual([
        'the store cannot be used at present, nothing is claimed until it can: nobody answers',
      ])
      state.away = false
      await pass(6)
      expect(one.log.messages('info')).toContain('the store can be used again')
      expect(one.fires).toEqual([10, 50])
      await pass(3)
      expect(one.fires).toEqual([10, 50, 60])
      expect(await outcomes(stores)).toEqual([
        ['succeeded', 10, 1],
        ['missed', 40, 3],
        ['succeeded', 50, 1],
        ['succeeded', 60, 1],
      ])
      expect(one.log.messages('error')).toHaveLength(1)
    },
  )

  it('is said once where reading goes on and claims fail, until one is answered or its job is gone', async () => {
    const stores = memory()
    await saveJob(stores)
    await saveJob(stores, { id: 'other' })
    let readOnly = true
    const claim: Stores['jobRuns']['claim'] = async (request) => {
      if (readOnly) throw away()
      return await stores.jobRuns.claim(request)
    }
    const log = new RecordedLog()
    const outage = new StoreOutage(log)
    const ends = () => log.messages('info').filter((message) => /can be used again/.test(message))
    await using _ = await Scheduling.begin(stores, { runs: { ...stores.jobRuns, claim }, outage })
    await pass(45)
    expect(log.messages('error')).toHaveLength(1)
    expect(ends()).toEqual([])
    expect(outage.reason).toBe('nobody answers')
    await stores.scheduledJobs.delete('other')
    readOnly = false
    await pass(60)
    expect(log.messages('error')).toHaveLength(1)
    expect(ends()).toHaveLength(1)
    expect(outage.reason).toBeUndefined()
  })

  it('does not keep asking without a pause', async () => {
    const stores = memory()
    for (let n = 0; n < 20; n++) await saveJob(stores, { id: `job-${n}` })
    const { state, options } = fragile(stores, { deaf: true })
    await using _one = await Scheduling.begin(stores, options)
    await pass(5)
    state.away = true
    const before = state.calls
    await pass(60)
    expect(state.calls - before).toBeLessThan(60)
  })

  it('settles a run that ended meanwhile once it is back', async () => {
    const stores = memory()
    await saveJob(stores, { cronExpression: '@hourly' })
    const { state, options } = fragile(stores)
    const runJob = async ({ id, fence }: JobRun) => {
      await stores.jobRuns.start(id, fence, { pid: 1, host: 'host' })
      state.away = true
      return { reason: 'the agent ended: signal SIGKILL', interrupted: false }
    }
    await using _one = await Scheduling.begin(stores, { ...options, runJob })
    await pass(3_600 + 20)
    expect(await outcomes(stores)).toEqual([['running', 3_600, 1]])
    state.away = false
    await pass(6)
    expect(await outcomes(stores)).toEqual([['lost', 3_600, 1]])
  })

  it('begins when it comes back, if it is away at the start', async () => {
    const stores = memory()
    await saveJob(stores)
    const { state, options } = fragile(stores)
    state.away = true
    await using one = await Scheduling.begin(stores, options)
    await pass(20)
    expect(one.scheduler.ready).toBe(false)
    state.away = false
    await pass(6)
    expect(one.fires).toEqual([20])
  })

  it('stops while it is away', async () => {
    const stores = memory()
    await saveJob(stores)
    const { state, options } = fragile(stores)
    const one = await Scheduling.begin(stores, options)
    await pass(12)
    state.away = true
    await pass(20)
    const stopping = one.stop()
    await pass(1)
    await stopping
  })

  it('claims nothing while a newer release has changed the schema', async () => {
    const stores = memory()
    await saveJob(stores)
    let newer = false
    const health = async () => {
      if (newer) throw new StorageError('E_SCHEMA_NEWER', 'memory', 'the schema is version 9')
    }
    await using one = await Scheduling.begin(stores, { health })
    await pass(10)
    newer = true
    await pass(60)
    const before = one.fires
    expect(before.length).toBeLessThanOrEqual(4)
    await pass(60)
    expect(one.fires).toEqual(before)
    expect(one.log.messages('error')).toEqual([
      'the store cannot be used at present, nothing is claimed until it can: the schema is version 9',
    ])
  })
})

describe('jobs that cannot be listed', () => {
  it('are not claimed, though claims would be answered, until they can', async () => {
    const stores = memory()
    const job = await saveJob(stores)
    const jobs: Stores['scheduledJobs'] = {
      ...stores.scheduledJobs,
      async *watch() {
        yield { type: 'saved', job }
        yield { type: 'synced' }
        await new Promise((resolve) => setTimeout(resolve, 15_000))
        yield { type: 'unavailable', error: new StorageError('E_UNAVAILABLE', 'jsonl', 'the directory is gone') }
        await new Promise((resolve) => setTimeout(resolve, 40_000))
        yield { type: 'synced' }
        await new Promise((resolve) => setTimeout(resolve, 11_000))
      },
    }
    const one = await Scheduling.begin(stores, { jobs })
    await pass(54)
    expect(one.fires).toEqual([10])
    expect(one.scheduler.ready).toBe(false)
    await pass(11)
    expect(one.fires).toEqual([10, 50, 60])
    await pass(1)
    await one.stop()
  })
})

describe('one job that cannot be claimed', () => {
  it('is said once and does not keep the others', async () => {
    const stores = memory()
    await saveJob(stores, { id: 'damaged' })
    await saveJob(stores)
    const claim: Stores['jobRuns']['claim'] = async (request) => {
      if (request.jobId === 'damaged') throw new StorageError('E_CORRUPT', 'memory', 'its state is damaged')
      return await stores.jobRuns.claim(request)
    }
    await using one = await Scheduling.begin(stores, { runs: { ...stores.jobRuns, claim } })
    await pass(60)
    expect(one.fires).toEqual([10, 20, 30, 40, 50, 60])
    expect(one.log.messages('error')).toEqual(['a fire could not be claimed: its state is damaged'])
  })

  it('does not keep the others from being taken in', async () => {
    const stores = memory()
    await saveJob(stores, { id: 'damaged' })
    await saveJob(stores)
    const damaged = new StorageError('E_CORRUPT', 'memory', 'its state is damaged')
    const runs = {
      ...stores.jobRuns,
      trackAll: async () => {
        throw damaged
      },
      track: async (id: string) => {
        if (id === 'damaged') throw damaged
        return await stores.jobRuns.track(id)
      },
    }
    await using one = await Scheduling.begin(stores, { runs })
    await pass(10)
    expect(one.started.map(({ jobId }) => jobId)).toEqual(['job'])
    expect(one.log.messages('error')).toEqual(['the state of a job cannot be read: its state is damaged'])
  })
})

describe('runs of a daemon that is gone', () => {
  /** A run that another daemon has claimed, and begun if `running`. */
  const orphan = async (stores: Stores, running: boolean) => {
    const job = await saveJob(stores, { cronExpression: '@hourly' })
    const result = await stores.jobRuns.claim({
      jobId: job.id,
      revision: job.revision,
      scheduledFor: new Date(START),
      trigger: 'manual',
      owner: 'dead',
      host: 'host-2',
      token: randomUUID(),
    })
    if (!result.claimed) throw new Error(result.refusal)
    if (running) await stores.jobRuns.start(result.run.id, 1, { pid: 2, host: 'host-2' })
    return result.run
  }

  it('are taken again once, from the snapshot, when they had not begun', async () => {
    const stores = memory()
    await orphan(stores, false)
    await stores.scheduledJobs.delete('job')
    await using one = await Scheduling.begin(stores)
    await using two = await Scheduling.begin(stores, { owner: 'daemon-2' })
    await pass(60)
    expect(one.started.length + two.started.length).toBe(0)
    await pass(10)
    const [run, ...more] = [...one.started, ...two.started]
    expect(more).toEqual([])
    expect(run).toMatchObject({ fence: 2, snapshot: { prompt: 'say hello' } })
    expect(await outcomes(stores)).toEqual([['succeeded', 0, 1]])
  })

  it('are not taken while a newer release has changed the schema', async () => {
    const stores = memory()
    await orphan(stores, false)
    let newer = false
    const health = async () => {
      if (newer) throw new StorageError('E_SCHEMA_NEWER', 'memory', 'the schema is version 9')
    }
    await using one = await Scheduling.begin(stores, { health })
    newer = true
    await pass(300)
    expect(one.started).toEqual([])
    newer = false
    await pass(90)
    expect(one.started).toMatchObject([{ fence: 2 }])
  })

  it('are lost when they had begun', async () => {
    const stores = memory()
    await orphan(stores, true)
    await using one = await Scheduling.begin(stores)
    await pass(60)
    expect(await outcomes(stores)).toEqual([['running', 0, 1]])
    await pass(10)
    expect(await outcomes(stores)).toEqual([['lost', 0, 1]])
    expect(one.started).toEqual([])
  })

  it('go on while they are renewed', async () => {
    const stores = memory()
    const { id } = await orphan(stores, true)
    await using _one = await Scheduling.begin(stores)
    for (let n = 0; n < 10; n++) {
      await pass(30)
      await stores.jobRuns.renew(id, 1)
    }
    expect(await outcomes(stores)).toEqual([['running', 0, 1]])
  })

  it('are not lost by an outage, however long', async () => {
    const stores = memory()
    await orphan(stores, true)
    const { state, options } = fragile(stores)
    await using _one = await Scheduling.begin(stores, options)
    await pass(40)
    state.away = true
    await pass(120)
    state.away = false
    await pass(50)
    expect(await outcomes(stores)).toEqual([['running', 0, 1]])
  })

  it('are not lost by a jump of the clock', async () => {
    const stores = memory()
    await orphan(stores, true)
    await using _one = await Scheduling.begin(stores)
    await pass(20)
    vi.setSystemTime(seconds(7_200))
    await pass(30)
    expect((await outcomes(stores))[0]).toEqual(['running', 0, 1])
  })

  it('wait for a free slot to be taken again', async () => {
    const stores = memory()
    await saveJob(stores, { id: 'long', cronExpression: '@every 30s' })
    await orphan(stores, false)
    await using one = await Scheduling.begin(stores, {
      maxConcurrentRuns: 1,
      runJob: async (run) => await agentOf(stores, run.jobId === 'long' ? 100 : 0)(run),
    })
    await pass(125)
    expect(one.started.map(({ jobId }) => jobId)).toEqual(['long'])
    await stores.scheduledJobs.delete('long')
    await pass(20)
    expect(one.started.map(({ jobId }) => jobId)).toEqual(['long', 'job'])
  })
})
