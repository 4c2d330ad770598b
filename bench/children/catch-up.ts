import { setTimeout as sleep } from 'node:timers/promises'
import { silentLog } from '#log.ts'
import { Scheduler } from '#scheduler/scheduler.ts'
import { received, tell } from '../child.ts'
import { type Durable, openPlace, type PlaceOptions } from '../places.ts'

export interface CatchUpInput {
  readonly options: PlaceOptions[Durable]
  readonly maxConcurrentRuns: number
  readonly runs: number
  /** How long an agent works, in ms. */
  readonly workMs: number
}
export interface CatchUpOutput {
  /** Agents that were started. */
  readonly started: number
  /** The most of them at the same time. */
  readonly most: number
  /** From the first start to the last end, in ms. */
  readonly tookMs: number
}

/** How long it waits for a run too many once all have ended, in ms. */
const AFTER_MS = 1_000

const { options, maxConcurrentRuns, runs, workMs } = await received<CatchUpInput>()
const stores = await openPlace(options)
const { jobRuns } = stores
const stop = new AbortController()
const seen = { started: 0, ended: 0, now: 0, most: 0, first: 0, last: 0 }

const scheduler = new Scheduler({
  jobs: stores.scheduledJobs,
  runs: jobRuns,
  health: () => stores.health(),
  owner: 'bench',
  host: 'bench',
  maxConcurrentRuns,
  catchUpWindowMs: 3_600_000,
  keepRuns: 3,
  log: silentLog,
  async runJob(run) {
    seen.first ||= performance.now()
    seen.started += 1
    seen.now += 1
    seen.most = Math.max(seen.most, seen.now)
    await jobRuns.start(run.id, run.fence, { pid: process.pid, host: 'bench' })
    await sleep(workMs)
    await jobRuns.finish(run.id, run.fence, { state: 'succeeded' })
    seen.now -= 1
    seen.ended += 1
    seen.last = performance.now()
    if (seen.ended === runs) setTimeout(() => stop.abort(), AFTER_MS)
    return { reason: 'the agent has ended', interrupted: false }
  },
})
await scheduler.run(stop.signal)
await scheduler.settled()
tell({ started: seen.started, most: seen.most, tookMs: seen.last - seen.first } satisfies CatchUpOutput)
await stores[Symbol.asyncDispose]()
