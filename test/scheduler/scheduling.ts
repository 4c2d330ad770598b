import { vi } from 'vitest'
import type { RunExit } from '#scheduler/active-runs.ts'
import { Scheduler, type SchedulerOptions } from '#scheduler/scheduler.ts'
import type { JobRun, RunState } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openMemory } from '#storage/memory/open.ts'
import { RecordedLog } from '../support/recorded-log.ts'

/** The moment at which every test begins. */
export const START = new Date('2026-05-06T07:00:00Z')

/** Replaces every clock and timer; `vi.setSystemTime` then is a jump of the wall clock alone. */
export function fakeTime(): void {
  vi.useFakeTimers({ now: START, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout', 'setInterval'] })
}

export async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1_000)
}

export function seconds(after: number): Date {
  return new Date(START.getTime() + after * 1_000)
}

export function memory(): Stores {
  return openMemory({ type: 'memory', warn: () => {} })
}

export async function saveJob(stores: Stores, more: Partial<ScheduledJob> = {}): Promise<StoredJob> {
  const at = new Date()
  return await stores.scheduledJobs.save({
    id: 'job',
    cronExpression: '@every 10s',
    timezone: 'UTC',
    prompt: 'say hello',
    runOnce: false,
    enabled: true,
    catchUp: 'latest',
    overlap: 'skip',
    createdAt: at,
    updatedAt: at,
    ...more,
  })
}

/** An agent that begins, takes so many seconds, and succeeds. */
export function agentOf(stores: Stores, takes = 0): (run: JobRun) => Promise<RunExit> {
  return async ({ id, fence }) => {
    await stores.jobRuns.start(id, fence, { pid: 1, host: 'host' })
    if (takes > 0) await new Promise((resolve) => setTimeout(resolve, takes * 1_000))
    await stores.jobRuns.finish(id, fence, { state: 'succeeded', output: 'hello' })
    return { reason: 'the agent ended: exit code 0', interrupted: false }
  }
}

/** A scheduler at work until it is disposed of. */
export class Scheduling implements AsyncDisposable {
  readonly log = new RecordedLog()
  readonly scheduler: Scheduler
  /** Runs that were handed to runJob. */
  readonly started: JobRun[] = []
  readonly #stop = new AbortController()
  readonly #running: Promise<void>

  private constructor(stores: Stores, options: Partial<SchedulerOptions>) {
    const { runJob = agentOf(stores) } = options
    this.scheduler = new Scheduler({
      jobs: stores.scheduledJobs,
      runs: stores.jobRuns,
      health: async () => {},
      owner: 'daemon-1',
      host: 'host',
      maxConcurrentRuns: 4,
      catchUpWindowMs: 3_600_000,
      keepRuns: 200,
      log: this.log,
      ...options,
      runJob: async (run) => {
        this.started.push(run)
        return await runJob(run)
      },
    })
    this.#running = this.scheduler.run(this.#stop.signal)
  }

  /** Returns once it is in sync. */
  static async begin(stores: Stores, options: Partial<SchedulerOptions> = {}): Promise<Scheduling> {
    const scheduling = new Scheduling(stores, options)
    await pass(0)
    return scheduling
  }

  /** The moments of the runs it has started, in seconds after the start of the test. */
  get fires(): number[] {
    return this.started.map(({ scheduledFor }) => (scheduledFor.getTime() - START.getTime()) / 1_000)
  }

  /** Asks it to stop; resolves when it claims no more. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** What became of the fires of a job, oldest first: state, moment in seconds after the start, and count. */
export async function outcomes(stores: Stores, jobId = 'job'): Promise<[RunState, number, number][]> {
  const runs = await stores.jobRuns.list({ jobId, limit: 0 })
  return runs
    .reverse()
    .map(({ state, scheduledFor, count }) => [state, (scheduledFor.getTime() - START.getTime()) / 1_000, count])
}
