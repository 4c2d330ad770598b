import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLog } from '#log.ts'
import { Scheduler } from '#scheduler/scheduler.ts'
import { received, tell } from '../child.ts'
import { median, timed } from '../measure.ts'
import { type Durable, openPlace, type PlaceOptions } from '../places.ts'

export interface ClaimFiresInput {
  readonly options: PlaceOptions[Durable]
  /** Jobs that fire at the same moments. */
  readonly jobs: number
  /** Moments at which all of them were claimed; the first one, which warms up, is left out. */
  readonly rounds: number
}

/** How late one fire was claimed, in ms. */
export interface Claim {
  /** When the scheduler has the answer. */
  readonly answered: number
  /** As the store stamps it. */
  readonly stamped: number
}
export interface ClaimFiresOutput {
  /** Median of one question to the store, in ms. */
  readonly roundTripMs: number
  readonly rounds: readonly (readonly Claim[])[]
}

const QUESTIONS = 31
/** Agents begin and end when the whole round is claimed, at the latest after this, in ms. */
const HOLD_MS = 2_000

const { options, jobs, rounds } = await received<ClaimFiresInput>()
const stores = await openPlace(options)
const { jobRuns } = stores
const questions: number[] = []
for (let n = 0; n < QUESTIONS; n++) questions.push(await timed(() => jobRuns.now()))

const stop = new AbortController()
const claims = new Map<number, { list: Claim[]; all: AbortController }>()
const complete: Claim[][] = []

const scheduler = new Scheduler({
  jobs: stores.scheduledJobs,
  runs: jobRuns,
  health: () => stores.health(),
  owner: 'bench',
  host: 'bench',
  maxConcurrentRuns: jobs * 3,
  catchUpWindowMs: 3_600_000,
  keepRuns: 3,
  log: silentLog,
  async runJob(run) {
    const answeredAt = Date.now()
    const fire = run.scheduledFor.getTime()
    const round = claims.get(fire) ?? { list: [], all: new AbortController() }
    claims.set(fire, round)
    round.list.push({ answered: answeredAt - fire, stamped: (run.claimedAt?.getTime() ?? Number.NaN) - fire })
    if (round.list.length === jobs) {
      complete.push(round.list)
      round.all.abort()
      if (complete.length > rounds) stop.abort()
    }
    const { signal } = round.all
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), sleep(HOLD_MS)])
    await jobRuns.start(run.id, run.fence, { pid: process.pid, host: 'bench' })
    await jobRuns.finish(run.id, run.fence, { state: 'succeeded' })
    return { reason: 'the agent has ended', interrupted: false }
  },
})
await scheduler.run(stop.signal)
await scheduler.settled()
tell({ roundTripMs: median(questions), rounds: complete.slice(1) } satisfies ClaimFiresOutput)
await stores[Symbol.asyncDispose]()
