import { randomUUID } from 'node:crypto'
import { CronError } from '#cron/index.ts'
import type { Log } from '#log.ts'
import { StorageError, type StorageErrorCode } from '#storage/contract/errors.ts'
import type { Claimant, ClaimRefusal, ClaimRequest, JobRun, JobRunStorage } from '#storage/contract/job-runs.ts'
import type { ScheduledJobChange, ScheduledJobStorage, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { ActiveRuns, type ActiveRunsOptions } from './active-runs.ts'
import { type JobEntry, JobTable } from './job-table.ts'
import { observeClaim, type RunObserver, type SchedulerFigures } from './observation.ts'
import { LeaseObserver } from './reaper.ts'
import { Nap, sleep } from './sleep.ts'
import { type Clock, StoreClock, systemClock } from './store-clock.ts'
import { mayPass, StoreOutage } from './store-outage.ts'

type Fire = Pick<ClaimRequest, 'scheduledFor' | 'trigger' | 'missed' | 'recordOnly'>

/** No sleep is longer, in ms, so that a suspended machine or a changed clock is noticed. */
const MAX_SLEEP_MS = 30_000
/** Store time that is this much later than expected means that this process or its machine slept, in ms. */
const SUSPENDED_MS = 10_000
/** A fire that has waited so long beside a free slot means that this scheduler is behind, in ms. */
const BEHIND_MS = 60_000
/** Pause before a claim that failed is tried again, in ms: it doubles with each attempt up to the second. */
const RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000

export interface SchedulerOptions extends Pick<ActiveRunsOptions, 'owner' | 'host' | 'runJob' | 'keepRuns'> {
  readonly jobs: Pick<ScheduledJobStorage, 'watch' | 'load' | 'defaultTimezone'>
  readonly runs: JobRunStorage
  /** Asked beside the store's clock, at least every 30 s; while it throws nothing is claimed. */
  readonly health: () => Promise<void>
  /** Runs of this daemon at the same time. */
  readonly maxConcurrentRuns: number
  /** In ms. */
  readonly catchUpWindowMs: number
  readonly log: Log
  readonly observer?: RunObserver
  /** Shared by all parts of a daemon. */
  readonly outage?: StoreOutage
  readonly clock?: Clock
  /** See LeaseObserver; default 60 s. */
  readonly leaseMs?: number
  /** How often open runs are looked at, in ms; less than half of `leaseMs`. Default 5,000. */
  readonly reapMs?: number
}

/**
 * Watches the jobs, claims what is due, and starts its agents. Every due fire gets one outcome, and its agent starts at
 * most once however many schedulers share the store: the store decides each claim. Source: docs/scheduling.md.
 */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #clock: Clock
  readonly #storeClock: StoreClock
  readonly #outage: StoreOutage
  readonly #table: JobTable
  readonly #leases: LeaseObserver
  readonly #active: ActiveRuns
  readonly #claims = new Set<Promise<void>>()
  #readyAt = new Date(0)
  #ready = false
  #outOfSyncSince: number | undefined
  /** When a slot was last wanted and not free, on the monotonic clock. */
  #fullAt = Number.NEGATIVE_INFINITY
  #behind = false
  /** Of the loop that fires, which is woken when something has happened. */
  readonly #nap = new Nap()

  constructor(options: SchedulerOptions) {
    const { jobs, runs, health, catchUpWindowMs, log, clock = systemClock, outage = new StoreOutage(log) } = options
    this.#options = options
    this.#clock = clock
    this.#outOfSyncSince = clock.monotonic()
    this.#outage = outage
    this.#storeClock = new StoreClock(runs, clock, health)
    this.#table = new JobTable({ defaultTimezone: jobs.defaultTimezone, catchUpWindowMs })
    this.#leases = new LeaseObserver(options.leaseMs)
    this.#active = new ActiveRuns({ ...options, outage, onEnd: () => this.#nap.wake() })
  }

  /** True while every job is known and the store can list them. */
  get ready(): boolean {
    return this.#ready
  }

  /** Whether this is one of the jobs that it takes fires of. */
  knows(jobId: string): boolean {
    return this.#table.get(jobId) !== undefined
  }

  /** Runs whose agents this scheduler waits for. */
  get activeRuns(): number {
    return this.#active.size
  }

  /**
   * What is so at present. The count of the 60 s of `behind` begins when a fire is seen waiting, here or by the reaper's
   * look every 5 s.
   */
  figures(): SchedulerFigures {
    const monotonic = this.#clock.monotonic()
    if (this.#free() <= 0) this.#fullAt = monotonic
    const synced = this.#readyAt.getTime() > 0
    const waiting = synced ? this.#table.waiting(this.#storeClock.now(), this.#readyAt, monotonic) : []
    const waited = ({ waitingSince = monotonic }: JobEntry) => monotonic - Math.max(waitingSince, this.#fullAt)
    return {
      jobs: this.#table.size,
      enabled: this.#table.enabled,
      due: waiting.length,
      behind: waiting.some((entry) => waited(entry) >= BEHIND_MS),
      activeRuns: this.activeRuns,
      watchLagMs: this.#outOfSyncSince === undefined ? 0 : monotonic - this.#outOfSyncSince,
    }
  }

  /**
   * Runs until the signal aborts; then nothing more is claimed, and claims that were under way have been answered.
   * Agents that were started go on: `settled` waits for them. Store outages are survived.
   */
  async run(signal: AbortSignal): Promise<void> {
    const failed = new AbortController()
    const stop = AbortSignal.any([signal, failed.signal])
    stop.addEventListener('abort', () => this.#nap.wake())
    const loops = [this.#follow(stop), this.#fire(stop), this.#reap(stop)]
    const ended = await Promise.allSettled(loops.map((loop) => loop.finally(() => failed.abort())))
    await Promise.all(this.#claims)
    for (const loop of ended) if (loop.status === 'rejected') throw loop.reason
  }

  /** Resolves when no agent of this scheduler is left. */
  async settled(): Promise<void> {
    await this.#active.settled()
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const initial = new Map<string, StoredJob>()
    for await (const change of this.#options.jobs.watch({ signal })) {
      if (change.type === 'saved' && !this.#ready) initial.set(change.job.id, change.job)
      else await this.#apply(change, signal)
      if (change.type === 'deleted') initial.delete(change.id)
      if (change.type !== 'synced') continue
      await this.#takeAll([...initial.values()], signal)
      initial.clear()
      await this.#outage.persist('clock', () => this.#storeClock.refresh(), signal)
      if (signal.aborted) return
      this.#readyAt = this.#storeClock.now()
      this.#leases.reset()
      this.#ready = true
      this.#outOfSyncSince = undefined
      this.#options.log.info('jobs are in sync', { jobs: this.#table.size })
      this.#nap.wake()
    }
  }

  async #apply(change: ScheduledJobChange, signal: AbortSignal): Promise<void> {
    const { log } = this.#options
    switch (change.type) {
      case 'saved':
        return await this.#take(change.job, signal)
      case 'deleted':
        this.#remove(change.id)
        return log.info('job deleted', { job: change.id })
      case 'unreadable': {
        const entry = this.#table.get(change.id)
        if (entry) entry.unreadable = true
        const consequence = entry ? 'its last good version stays in force' : 'it does not run'
        return log.warn(`job cannot be read, ${consequence}: ${change.error.message}`, { job: change.id })
      }
      case 'unavailable':
        this.#ready = false
        this.#outOfSyncSince ??= this.#clock.monotonic()
        return this.#outage.failed('watch', change.error)
      case 'synced':
        return this.#outage.answered('watch')
    }
  }

  /** Takes many definitions in, with few questions to the store. */
  async #takeAll(saved: readonly StoredJob[], signal: AbortSignal): Promise<void> {
    try {
      const states = await this.#outage.persist('states', () => this.#options.runs.trackAll(), signal)
      for (const job of saved) {
        const state = states?.get(job.id)
        if (state) this.#put(job, state.cursor)
      }
    } catch (error) {
      if (!hasCode(error, 'E_CORRUPT')) throw error
      for (const job of saved) await this.#take(job, signal)
    }
  }

  /** Takes a saved definition in with the cursor that belongs to it. */
  async #take(job: StoredJob, signal: AbortSignal): Promise<void> {
    const { runs, log } = this.#options
    try {
      const state = await this.#outage.persist('states', () => runs.track(job.id), signal)
      if (state) this.#put(job, state.cursor)
      this.#nap.wake()
    } catch (error) {
      if (hasCode(error, 'E_NOT_FOUND')) return this.#remove(job.id)
      log.error(`the state of a job cannot be read: ${messageOf(error)}`, { job: job.id })
    }
  }

  #put(job: StoredJob, cursor: Date): void {
    const { log } = this.#options
    this.#outage.answered(claimOf(job.id))
    try {
      this.#table.put(job, cursor)
      log.debug('job taken in', { job: job.id, name: job.name, cron: job.cronExpression })
    } catch (error) {
      if (!(error instanceof CronError)) throw error
      log.warn(`job does not run: ${error.message}`, { job: job.id })
    }
  }

  /** See JobTable. */
  #remove(job: string | JobEntry): void {
    this.#outage.answered(claimOf(typeof job === 'string' ? job : job.job.id))
    this.#table.remove(job)
  }

  async #fire(signal: AbortSignal): Promise<void> {
    let expected = Number.POSITIVE_INFINITY
    while (!signal.aborted) {
      if (this.#ready) {
        await this.#outage.persist('clock', () => this.#storeClock.refresh(), signal)
        this.#notePause(expected)
        this.#claimDue(signal)
      }
      const ms = this.#sleepFor()
      expected = this.#ready ? this.#storeClock.now().getTime() + ms : Number.POSITIVE_INFINITY
      await this.#nap.sleep(ms)
    }
  }

  /** What became due while nobody could take it was missed; a clock that was set back has no past to have missed. */
  #notePause(expected: number): void {
    const now = this.#storeClock.now()
    if (now.getTime() - expected > SUSPENDED_MS || now < this.#readyAt) this.#readyAt = now
  }

  #sleepFor(): number {
    if (!this.#ready || this.#free() <= 0) return MAX_SLEEP_MS
    const next = this.#table.nextDue() - this.#storeClock.now().getTime()
    return Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil(next)))
  }

  #free(): number {
    return this.#options.maxConcurrentRuns - this.#active.size - this.#claims.size
  }

  /** Begins a claim for each due job while slots are free. */
  #claimDue(signal: AbortSignal): void {
    const now = this.#storeClock.now()
    for (const entry of this.#table.dueAt(now)) {
      if (signal.aborted || !this.#ready) return
      if (this.#free() <= 0) {
        this.#fullAt = this.#clock.monotonic()
        return
      }
      const decided = this.#table.decide(entry, now, this.#readyAt)
      if (decided.kind === 'wait') continue
      const { kind: _, ...fire } = decided
      entry.claiming = true
      const claim = this.#claim(entry, fire, signal).finally(() => {
        this.#claims.delete(claim)
        entry.claiming = false
        const current = this.#table.get(entry.job.id)
        if (current) current.claiming = false
        this.#nap.wake()
      })
      this.#claims.add(claim)
    }
  }

  /** Never rejects. */
  async #claim(entry: JobEntry, fire: Fire, signal: AbortSignal): Promise<void> {
    const { job } = entry
    const lastGood = entry.unreadable ? { lastGood: job } : {}
    const request = { ...fire, ...this.#claimant(), jobId: job.id, revision: job.revision, ...lastGood }
    try {
      const result = await this.#options.runs.claim(request)
      this.#outage.answered(claimOf(job.id))
      entry.dueAt = 0
      entry.failures = 0
      entry.waitingSince = undefined
      observeClaim(this.#options.observer, fire, result)
      if (result.claimed) {
        entry.cursor = fire.scheduledFor.getTime()
        if (job.runOnce) this.#remove(entry)
        this.#active.launch(result.run, signal)
      } else await this.#refused(entry, fire.scheduledFor, result.refusal, signal)
    } catch (error) {
      this.#claimFailed(entry, error)
    }
  }

  #claimFailed(entry: JobEntry, error: unknown): void {
    if (hasCode(error, 'E_NOT_FOUND')) this.#remove(entry)
    if (hasCode(error, 'E_CORRUPT')) entry.unreadable = true
    if (mayPass(error)) {
      this.#storeClock.doubt()
      this.#outage.failed(claimOf(entry.job.id), error)
    } else if (entry.failures === 0 && !hasCode(error, 'E_NOT_FOUND')) {
      this.#options.log.error(`a fire could not be claimed: ${messageOf(error)}`, { job: entry.job.id })
    }
    const pause = Math.min(RETRY_MS * 2 ** Math.min(entry.failures, 10), MAX_RETRY_MS)
    entry.failures += 1
    entry.dueAt = this.#storeClock.now().getTime() + pause
  }

  async #refused(entry: JobEntry, scheduledFor: Date, refusal: ClaimRefusal, signal: AbortSignal): Promise<void> {
    const { jobs, log } = this.#options
    const { job } = entry
    log.debug('fire not claimed', { job: job.id, fire: scheduledFor.toISOString(), refusal })
    switch (refusal) {
      case 'early':
        return this.#storeClock.doubt()
      case 'gone':
        return this.#remove(entry)
      case 'changed':
      case 'disabled':
        return await this.#take(await jobs.load(job.id), signal)
      case 'past':
      case 'skipped':
      case 'recorded':
        entry.cursor = scheduledFor.getTime()
        if (refusal === 'skipped') log.info('fire skipped, the run before it has not ended', { job: job.id })
    }
  }

  #claimant(): Claimant {
    const { owner, host } = this.#options
    return { owner, host, token: randomUUID() }
  }

  async #reap(signal: AbortSignal): Promise<void> {
    const { runs, reapMs = 5_000 } = this.#options
    const open = () => runs.list({ limit: 0, only: 'open' })
    let said: string | undefined
    while (!signal.aborted) {
      await sleep(reapMs, signal)
      this.#noteBehind()
      // A takeover is a claim too: none while the store is not healthy, say of a newer schema.
      if (!this.#ready || this.#outage.fails('clock') || signal.aborted) continue
      try {
        const expired = this.#leases.observe(await open(), this.#clock.monotonic())
        for (const run of expired) if (run.state === 'running' || this.#free() > 0) await this.#takeOver(run, signal)
        said = undefined
        this.#outage.answered('reaper')
      } catch (error) {
        this.#leases.reset()
        if (mayPass(error)) this.#outage.failed('reaper', error)
        else if (said !== messageOf(error)) {
          said = messageOf(error)
          this.#options.log.error(`open runs cannot be looked at: ${said}`)
        }
      }
    }
  }

  #noteBehind(): void {
    const { behind, due } = this.figures()
    if (behind === this.#behind) return
    this.#behind = behind
    const { log } = this.#options
    if (behind) log.warn(`behind: a due fire has been unclaimed for ${BEHIND_MS / 1_000} s beside a free slot`, { due })
    else log.info('no longer behind')
  }

  async #takeOver(run: JobRun, signal: AbortSignal): Promise<void> {
    const { runs, log, observer } = this.#options
    const reason = `its lease was not renewed, ${run.owner ?? 'its daemon'} on ${run.host ?? 'another host'} is gone`
    const { id, fence, lease } = run
    try {
      const settled = await runs.reap(id, { fence, lease, reason }, this.#claimant())
      log.warn(`run ${settled.state}: ${reason}`, { job: run.jobId, run: id, fence: settled.fence })
      if (settled.state === 'claimed') this.#active.launch(settled, signal)
      else observer?.ended(settled.state, 1)
    } catch (error) {
      if (!hasCode(error, 'E_CONFLICT') && !hasCode(error, 'E_NOT_FOUND')) throw error
    }
  }
}

function hasCode(error: unknown, code: StorageErrorCode): boolean {
  return error instanceof StorageError && error.code === code
}

/** The part of the store's use that fails when a fire of this job cannot be claimed. */
function claimOf(jobId: string): string {
  return `claim of ${jobId}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
