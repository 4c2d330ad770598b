import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ChannelSettings } from '#config/channels.ts'
import { machineZone } from '#cron/index.ts'
import type { Log } from '#log.ts'
import type { SchedulerFigures } from '#scheduler/observation.ts'
import { Scheduler } from '#scheduler/scheduler.ts'
import { sleep } from '#scheduler/sleep.ts'
import { StoreOutage } from '#scheduler/store-outage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { type RunningChannels, startChannels } from './channels.ts'
import { FailingJobs } from './failing-jobs.ts'
import { renderMetrics } from './metrics.ts'
import { Presence } from './presence.ts'
import { Readiness } from './readiness.ts'
import { RunProcesses } from './run-processes.ts'
import { RunStatistics } from './run-statistics.ts'

/** How long running agents may go on after the daemon was asked to stop, in ms; a container is given 30 s in all. */
const STOP_GRACE_MS = 20_000
/** How long an agent has between SIGTERM and SIGKILL, in ms. */
const KILL_GRACE_MS = 5_000

export interface DaemonOptions {
  readonly stores: Stores
  readonly host: string
  readonly version: string
  readonly log: Log
  /** See RunProcessesOptions. */
  readonly command: readonly [string, ...string[]]
  readonly logDirectory: string
  /** Undefined for a daemon that only serves channels. */
  readonly schedule: ScheduleOptions | undefined
  /** Undefined for a daemon that only runs jobs. */
  readonly channels: ChannelSettings | undefined
  /** Where to serve health and metrics; nowhere without. */
  readonly health?: { readonly host: string; readonly port: number }
  /** Of running agents after the stop. No setting, since a container's limit is what it is; default 20 s. */
  readonly stopGraceMs?: number
}

export interface ScheduleOptions {
  readonly maxConcurrentRuns: number
  readonly catchUpWindowMs: number
  readonly runTimeoutMs: number
  readonly keepRuns: number
}

/**
 * Runs scheduled jobs and serves channels until the first signal aborts, then lets agents finish for 20 s and ends the
 * rest; `hurry` aborted ends them at once. Throws E_FAILED when nobody can listen where health is to be served.
 */
export async function runDaemon(options: DaemonOptions, stop: AbortSignal, hurry: AbortSignal): Promise<void> {
  const { stores, host, version, log, schedule, channels: settings, stopGraceMs = STOP_GRACE_MS } = options
  const id = randomUUID()
  const processes = new RunProcesses({ ...options, timeoutMs: schedule?.runTimeoutMs ?? 0 })
  const daemon = {
    id,
    host,
    version,
    pid: process.pid,
    tzdata: process.versions.tz ?? 'unknown',
    timezone: machineZone(),
    since: new Date(),
    scheduler: schedule !== undefined,
  }
  const outage = new StoreOutage(log)
  const statistics = new RunStatistics()
  let channels: RunningChannels | undefined
  const scheduler =
    schedule &&
    new Scheduler({
      ...options,
      ...schedule,
      jobs: stores.scheduledJobs,
      runs: stores.jobRuns,
      health: () => stores.health('jobs'),
      outage,
      observer: statistics,
      owner: id,
      runJob: (run) => processes.run(run).finally(() => channels?.hint()),
    })
  const served: Served = { scheduler, stores, outage, statistics, version, stop }
  await using server = await serveHealth(options.health, served)
  if (server) log.info('health and metrics are served', { url: server.url })
  const behind = () => scheduler?.figures().behind ?? false
  await using presence = new Presence({ coordination: stores.coordination, daemon, behind, log, outage })
  await presence.begin()
  log.info('daemon started', { id, backend: stores.type, location: stores.location, pid: process.pid })
  const end = new AbortController()
  const failed = new AbortController()
  const ending = AbortSignal.any([stop, failed.signal])
  channels = settings && (await startChannels({ ...options, settings, owner: id, outage }, ending, end.signal))
  try {
    await (scheduler?.run(stop) ?? aborted(stop))
  } finally {
    failed.abort()
    log.info('stopping', { running: scheduler?.activeRuns ?? 0 })
    const settled = Promise.all([scheduler?.settled(), channels?.settled])
    await settledWithin(settled, stopGraceMs, hurry)
    end.abort()
    await processes.stop(KILL_GRACE_MS)
    await settled
  }
  log.info('stopped')
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

interface Served {
  /** None in a daemon that only serves channels. */
  readonly scheduler: Scheduler | undefined
  readonly stores: Pick<Stores, 'jobRuns' | 'health'>
  readonly outage: StoreOutage
  readonly statistics: RunStatistics
  readonly version: string
  readonly stop: AbortSignal
}

const NO_FIGURES: SchedulerFigures = { jobs: 0, enabled: 0, due: 0, behind: false, activeRuns: 0, watchLagMs: 0 }

/** The server is imported only when it is wanted. */
async function serveHealth(
  address: DaemonOptions['health'],
  served: Served,
): Promise<(AsyncDisposable & { url: string }) | undefined> {
  if (!address) return undefined
  const { scheduler, stores, outage, statistics, version, stop } = served
  const failingJobs = new FailingJobs(stores.jobRuns, (id) => scheduler?.knows(id) ?? false)
  const readiness = new Readiness({
    synced: () => scheduler?.ready ?? true,
    stopping: () => stop.aborted,
    health: () => stores.health(),
    outage: () => outage.reason,
  })
  const { startHealthServer } = await import('./health-server.ts')
  return await startHealthServer({
    ...address,
    notReady: () => readiness.notReady(),
    metrics: async () => {
      const failing = await failingJobs.count()
      const { ends, delays } = statistics
      return renderMetrics({
        version,
        scheduler: scheduler?.figures() ?? NO_FIGURES,
        failing,
        ends,
        delays,
        storeErrors: outage.failures,
      })
    },
  })
}

async function settledWithin(settled: Promise<unknown>, ms: number, hurry: AbortSignal): Promise<void> {
  const over = new AbortController()
  const settling = settled.finally(() => over.abort())
  await Promise.race([settling, sleep(ms, AbortSignal.any([hurry, over.signal]))])
}
