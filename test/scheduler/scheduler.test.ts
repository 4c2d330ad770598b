import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { agentOf, fakeTime, memory, outcomes, pass, Scheduling, saveJob, seconds } from './scheduling.ts'

beforeEach(fakeTime)
afterEach(() => vi.useRealTimers())

describe('firing', () => {
  it('starts one run at each fire, not before its moment', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores)
    await saveJob(stores)
    await pass(9.999)
    expect(one.fires).toEqual([])
    await pass(0.001)
    expect(one.fires).toEqual([10])
    await pass(25)
    expect(one.fires).toEqual([10, 20, 30])
    expect(await outcomes(stores)).toEqual([
      ['succeeded', 10, 1],
      ['succeeded', 20, 1],
      ['succeeded', 30, 1],
    ])
    expect(one.started[0]).toMatchObject({ trigger: 'schedule', owner: 'daemon-1', fence: 1, state: 'claimed' })
    expect(one.started[0]?.snapshot?.prompt).toBe('say hello')
  })

  it('shares the fires among schedulers: each runs once', async () => {
    const stores = memory()
    await saveJob(stores)
    await using one = await Scheduling.begin(stores)
    await using two = await Scheduling.begin(stores, { owner: 'daemon-2' })
    await pass(100)
    expect([...one.fires, ...two.fires].sort((a, b) => a - b)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
  })

  it('sees a job at once, and its changes', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores)
    const job = await saveJob(stores)
    await pass(5)
    await saveJob(stores, { ...job, cronExpression: '@every 3s' })
    await pass(5)
    expect(one.fires).toEqual([6, 9])
    await stores.scheduledJobs.delete('job')
    await pass(60)
    expect(one.fires).toEqual([6, 9])
  })

  it('fires nothing before the creation, the last change of the schedule, or the resumption', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores)
    const job = await saveJob(stores, { createdAt: seconds(-3_600) })
    await pass(15)
    await saveJob(stores, { ...job, enabled: false })
    await pass(100)
    expect(one.fires).toEqual([10])
    await saveJob(stores, job)
    await pass(6)
    expect(one.fires).toEqual([10, 120])
    expect(await outcomes(stores)).toHaveLength(2)
  })

  it('never has more runs at once than slots, and gets to all of them', async () => {
    const stores = memory()
    let running = 0
    let most = 0
    const agent = agentOf(stores, 3)
    await using one = await Scheduling.begin(stores, {
      maxConcurrentRuns: 2,
      runJob: async (run) => {
        running += 1
        most = Math.max(most, running)
        const exit = await agent(run)
        running -= 1
        return exit
      },
    })
    for (let n = 1; n <= 5; n++) await saveJob(stores, { id: `job-${n}`, cronExpression: '@hourly' })
    await pass(3_600 + 10)
    expect(one.started.map(({ jobId }) => jobId).sort()).toEqual(['job-1', 'job-2', 'job-3', 'job-4', 'job-5'])
    expect(most).toBe(2)
  })

  it('leaves a job with a wrong expression or zone out, says so, and runs the others', async () => {
    const stores = memory()
    await saveJob(stores, { id: 'six-fields', cronExpression: '* * * * * *' })
    await saveJob(stores, { id: 'no-zone', timezone: 'Mars/Phobos' })
    await saveJob(stores)
    await using one = await Scheduling.begin(stores)
    await pass(10)
    expect(one.started.map(({ jobId }) => jobId)).toEqual(['job'])
    const [first, second, ...more] = one.log.messages('warn')
    expect(first).toMatch(/^job does not run: /)
    expect(second).toMatch(/^job does not run: The time zone "Mars\/Phobos" is unknown/)
    expect(more).toEqual([])
  })

  it('keeps the newest runs only, and what was pruned never fires again', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores, { keepRuns: 3 })
    await saveJob(stores, { cronExpression: '@every 1s' })
    await pass(10)
    expect(one.fires).toHaveLength(10)
    expect(await outcomes(stores)).toEqual([8, 9, 10].map((at) => ['succeeded', at, 1]))
    await one.stop()
    await pass(300.5)
    await using again = await Scheduling.begin(stores, { keepRuns: 3, owner: 'daemon-2' })
    await pass(2)
    expect(again.fires).toEqual([310, 311, 312])
    expect(again.started.map(({ trigger }) => trigger)).toEqual(['catch-up', 'schedule', 'schedule'])
  })

  it('runs a run_once job once, with two schedulers, and removes it', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores)
    await using two = await Scheduling.begin(stores, { owner: 'daemon-2' })
    await saveJob(stores, { cronExpression: '*/5 * * * *', runOnce: true })
    await pass(1_200)
    expect([...one.fires, ...two.fires]).toEqual([300])
    await expect(stores.scheduledJobs.load('job')).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    expect(await outcomes(stores)).toEqual([['succeeded', 300, 1]])
  })
})

describe('a definition that the scheduler has not heard of yet', () => {
  /** Every hint is dead and the poll far away. */
  const deaf = async (stores: ReturnType<typeof memory>) => {
    const [first] = await Promise.all([saveJob(stores), undefined])
    let told = false
    const jobs = {
      ...stores.scheduledJobs,
      async *watch({ signal }: { signal: AbortSignal }) {
        yield { type: 'saved' as const, job: first }
        yield { type: 'synced' as const }
        told = true
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    }
    const scheduling = await Scheduling.begin(stores, { jobs })
    expect(told).toBe(true)
    return { first, scheduling }
  }

  it('runs as it stands when it fires', async () => {
    const stores = memory()
    const { first, scheduling } = await deaf(stores)
    await using one = scheduling
    await saveJob(stores, { ...first, prompt: 'say goodbye' })
    await pass(10)
    expect(one.started.map(({ snapshot }) => snapshot?.prompt)).toEqual(['say goodbye'])
  })

  it('does not run when it is paused by then', async () => {
    const stores = memory()
    const { first, scheduling } = await deaf(stores)
    await using one = scheduling
    await saveJob(stores, { ...first, enabled: false })
    await pass(60)
    expect(one.fires).toEqual([])
    expect(await outcomes(stores)).toEqual([])
  })

  it('does not run when it is deleted by then', async () => {
    const stores = memory()
    const { scheduling } = await deaf(stores)
    await using one = scheduling
    await stores.scheduledJobs.delete('job')
    await pass(60)
    expect(one.fires).toEqual([])
    expect(one.log.messages('error', 'warn')).toEqual([])
  })

  it('stays in force as it was last read while it cannot be read', async () => {
    const { StorageError } = await import('#storage/contract/errors.ts')
    const stores = memory()
    const job = await saveJob(stores)
    const claim = vi.fn(stores.jobRuns.claim)
    const jobs = {
      ...stores.scheduledJobs,
      async *watch({ signal }: { signal: AbortSignal }) {
        yield { type: 'saved' as const, job }
        yield { type: 'synced' as const }
        const error = new StorageError('E_CORRUPT', 'jsonl', 'job.yaml:3:7: no valid YAML')
        yield { type: 'unreadable' as const, id: 'job', error }
        yield { type: 'unreadable' as const, id: 'another', error }
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    }
    await using one = await Scheduling.begin(stores, { jobs, runs: { ...stores.jobRuns, claim } })
    await pass(10)
    expect(one.fires).toEqual([10])
    expect(claim).toHaveBeenCalledWith(expect.objectContaining({ lastGood: job }))
    expect(one.log.messages('warn')).toEqual([
      'job cannot be read, its last good version stays in force: job.yaml:3:7: no valid YAML',
      'job cannot be read, it does not run: job.yaml:3:7: no valid YAML',
    ])
  })
})

describe('policies', () => {
  it('skips fires while the run before has not ended, as one record with a count', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores, { runJob: agentOf(stores, 35) })
    await saveJob(stores)
    await pass(50)
    expect(one.fires).toEqual([10, 50])
    expect(await outcomes(stores)).toEqual([
      ['succeeded', 10, 1],
      ['skipped', 40, 3],
      ['running', 50, 1],
    ])
  })

  it('runs them side by side when overlap is allowed', async () => {
    const stores = memory()
    await using one = await Scheduling.begin(stores, { runJob: agentOf(stores, 35) })
    await saveJob(stores, { overlap: 'allow' })
    await pass(40)
    expect(one.fires).toEqual([10, 20, 30, 40])
    expect(one.scheduler.activeRuns).toBe(4)
  })

  it('makes up for the newest fire that nobody was there for, and records the others as one', async () => {
    const stores = memory()
    await saveJob(stores)
    await pass(65)
    await using one = await Scheduling.begin(stores)
    await pass(1)
    expect(one.started.map(({ trigger }) => trigger)).toEqual(['catch-up'])
    expect(await outcomes(stores)).toEqual([
      ['missed', 50, 5],
      ['succeeded', 60, 1],
    ])
    await pass(5)
    expect(one.fires).toEqual([60, 70])
    expect(one.started.map(({ trigger }) => trigger)).toEqual(['catch-up', 'schedule'])
  })

  it('only records them when the job catches nothing up', async () => {
    const stores = memory()
    await saveJob(stores, { catchUp: 'none' })
    await pass(65)
    await using one = await Scheduling.begin(stores)
    await pass(1)
    expect(one.fires).toEqual([])
    expect(await outcomes(stores)).toEqual([['missed', 60, 6]])
    const [missed] = await stores.jobRuns.list({ limit: 0 })
    expect(missed).toMatchObject({ firstMissed: seconds(10), reason: 'no daemon was there' })
    await pass(10)
    expect(one.fires).toEqual([70])
  })

  it('only records what is older than the window', async () => {
    const stores = memory()
    await saveJob(stores, { cronExpression: '@hourly' })
    await pass(3_600 + 61)
    await using one = await Scheduling.begin(stores, { catchUpWindowMs: 60_000 })
    await pass(1)
    expect(one.fires).toEqual([])
    expect(await outcomes(stores)).toEqual([['missed', 3_600, 1]])
  })

  it('catches many jobs up within the slots', async () => {
    const stores = memory()
    for (let n = 1; n <= 20; n++) await saveJob(stores, { id: `job-${n}` })
    await pass(65)
    let running = 0
    let most = 0
    const agent = agentOf(stores, 0.1)
    await using one = await Scheduling.begin(stores, {
      runJob: async (run) => {
        running += 1
        most = Math.max(most, running)
        const exit = await agent(run)
        running -= 1
        return exit
      },
    })
    await pass(2)
    expect(one.started).toHaveLength(20)
    expect(most).toBe(4)
  })

  it('records nothing as missed that another scheduler has run meanwhile', async () => {
    const stores = memory()
    await saveJob(stores, { id: 'long', cronExpression: '@every 5s' })
    await using busy = await Scheduling.begin(stores, {
      maxConcurrentRuns: 1,
      runJob: async (run) => await agentOf(stores, run.jobId === 'long' ? 50.5 : 0)(run),
    })
    await pass(5)
    expect(busy.started).toHaveLength(1)
    await stores.scheduledJobs.delete('long')
    await saveJob(stores)
    await using other = await Scheduling.begin(stores, { owner: 'daemon-2' })
    await pass(49.9)
    expect(other.fires).toEqual([15, 25, 35, 45])
    await other.stop()
    await pass(10.1)
    expect(busy.fires).toEqual([5, 55, 65])
    expect(await outcomes(stores)).toEqual([15, 25, 35, 45, 55, 65].map((at) => ['succeeded', at, 1]))
  })
})
