/**
 * A scheduler in a process of its own, with leases and clocks that a real daemon does not offer. Told on stdin what to
 * do, one document; says `{log, level, ...fields}` for each line of its log and `{started}` for each run it starts.
 * Further documents are `{machineAheadMs}`, a jump of the machine's clock. It stops at the end of its input.
 */
import { createInterface } from 'node:readline'
import { RunProcesses } from '#daemon/run-processes.ts'
import type { Log, LogFields } from '#log.ts'
import type { RunExit } from '#scheduler/active-runs.ts'
import { Scheduler } from '#scheduler/scheduler.ts'
import { sleep } from '#scheduler/sleep.ts'
import { systemClock } from '#scheduler/store-clock.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { StorageOptions } from '#storage/options.ts'
import { decode, encode } from './ndjson.ts'

/** Between two renewals of a held run, in ms. */
const RENEW_MS = 200

export interface SchedulerOrders {
  storage: StorageOptions
  owner: string
  /** The program of agents; without, agents begin and succeed in this process. */
  command?: readonly [string, ...string[]]
  /** Jobs whose runs are claimed and then never started. */
  neverStarted?: readonly string[]
  /** Jobs whose agents, in this process, go on and renew until the scheduler is to stop. */
  held?: readonly string[]
  logDirectory?: string
  leaseMs?: number
  keepRuns?: number
  catchUpWindowMs?: number
  /** How far the clocks of the scheduler are ahead, in ms. */
  aheadMs?: number
  /** How far the clock of the whole process is ahead, in ms, as on a machine with a wrong one. */
  machineAheadMs?: number
}

function say(message: unknown): void {
  process.stdout.write(`${encode(message)}\n`)
}

/** How far the clock of this process is ahead at present, in ms. */
let machineAheadMs = 0

/** Once and for all, since dates made before and after a jump must be of one class. */
function installMachineClock(): void {
  const Real = Date
  globalThis.Date = class extends Real {
    constructor(...args: unknown[]) {
      // @ts-expect-error: the overloads of Date are its own affair.
      super(...(args.length === 0 ? [Real.now() + machineAheadMs] : args))
    }

    static override now(): number {
      return Real.now() + machineAheadMs
    }
  } as DateConstructor
}

const logged =
  (level: keyof Log) =>
  (log: string, fields: LogFields = {}) =>
    say({ log, level, ...fields })

function agentOf(stores: Stores, orders: SchedulerOrders, log: Log): (run: JobRun) => Promise<RunExit> {
  const { command, neverStarted = [], logDirectory = '' } = orders
  if (command) {
    const processes = new RunProcesses({ command, logDirectory, timeoutMs: 0, log })
    return async (run) => {
      say({ started: run.id, job: run.jobId, at: run.scheduledFor })
      return await (neverStarted.includes(run.jobId) ? new Promise<never>(() => {}) : processes.run(run))
    }
  }
  return async ({ id, fence, jobId, scheduledFor }) => {
    say({ started: id, job: jobId, at: scheduledFor })
    await stores.jobRuns.start(id, fence, { pid: process.pid, host: 'host' })
    while (orders.held?.includes(jobId) && !stop.signal.aborted) {
      await stores.jobRuns.renew(id, fence)
      await sleep(RENEW_MS, stop.signal)
    }
    await stores.jobRuns.finish(id, fence, { state: 'succeeded' })
    return { reason: 'the agent ended: exit code 0', interrupted: false }
  }
}

installMachineClock()
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const orders = decode((await lines.next()).value as string) as SchedulerOrders
machineAheadMs = orders.machineAheadMs ?? 0
const stop = new AbortController()
void obey().finally(() => stop.abort())

async function obey(): Promise<void> {
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    machineAheadMs = (decode(line) as Required<Pick<SchedulerOrders, 'machineAheadMs'>>).machineAheadMs
  }
}

const log: Log = { debug: logged('debug'), info: logged('info'), warn: logged('warn'), error: logged('error') }
{
  await using stores = await openStores({ ...orders.storage, warn: () => {} })
  const { aheadMs = 0, leaseMs = 60_000, keepRuns = 1_000, catchUpWindowMs = 3_600_000 } = orders
  const scheduler = new Scheduler({
    jobs: stores.scheduledJobs,
    runs: stores.jobRuns,
    health: () => stores.health(),
    owner: orders.owner,
    host: 'host',
    maxConcurrentRuns: 8,
    catchUpWindowMs,
    keepRuns,
    leaseMs,
    reapMs: Math.min(5_000, leaseMs / 10),
    clock: { wall: () => systemClock.wall() + aheadMs, monotonic: () => systemClock.monotonic() + aheadMs },
    log,
    runJob: agentOf(stores, orders, log),
  })
  await scheduler.run(stop.signal)
  await scheduler.settled()
}
