import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { StorageOptions, StorageType } from '#storage/options.ts'
import { makeBackend } from './backends.ts'
import { findBinary } from './binaries.ts'
import { type CliPlace, cliEnvironment, cliPlace, ensureBundle, INFER } from './cli.ts'
import { waitFor } from './wait-for.ts'

interface LogLine {
  level: string
  message: string
  [field: string]: unknown
}

/** `infer channels-manager` from the bundle, in a process of its own that dies with the test. */
export class DaemonProcess implements AsyncDisposable {
  stderr = ''
  readonly #process: ChildProcess
  readonly #exit: Promise<unknown>

  constructor(place: Pick<CliPlace, 'home' | 'cwd'>, env: NodeJS.ProcessEnv, flags: readonly string[] = []) {
    const command = ['--pdeathsig=KILL', process.execPath, INFER, 'channels-manager', ...flags]
    this.#process = spawn(findBinary('setpriv'), command, {
      cwd: place.cwd,
      env: cliEnvironment(place.home, { INFER_LOGGING_DEBUG: 'true', ...env }),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#exit = once(this.#process, 'exit')
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
  }

  /** What it has logged so far. */
  get lines(): LogLine[] {
    const complete = this.stderr.slice(0, this.stderr.lastIndexOf('\n') + 1)
    return complete.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []))
  }

  /** Ids of the runs that it has started, once for each claim. */
  get started(): string[] {
    return this.lines.filter(({ message }) => message === 'run started').map(({ run }) => String(run))
  }

  /** The first line, logged already or later, whose message matches. */
  async logs(message: RegExp, timeoutMs?: number): Promise<LogLine> {
    const ask = () => {
      const found = this.lines.find((line) => message.test(line.message))
      if (!found && this.#process.exitCode !== null) throw new Error(`the daemon has ended: ${this.stderr}`)
      return found
    }
    return await waitFor(`the daemon logs ${message}`, ask, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.stderr}`)
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  /** Its exit code, once it has ended. */
  async end(): Promise<number | null> {
    await this.#exit
    return this.#process.exitCode
  }

  /** Asks it to stop and returns its exit code. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM')
    return await this.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await this.#exit
  }
}

/** A backend, a place to run `infer` in, and the same stores in this process. */
export interface Site extends AsyncDisposable {
  readonly place: CliPlace
  readonly stores: Stores
  readonly options: StorageOptions
  /** The settings of every process here. */
  readonly env: NodeJS.ProcessEnv
  /** Starts a daemon and waits until it takes jobs. */
  daemon(env?: NodeJS.ProcessEnv, flags?: readonly string[]): Promise<DaemonProcess>
  /** Runs of a job, oldest first. */
  runs(jobId: string): Promise<JobRun[]>
}

/** `through` may change the URL that the programs are given; `url` is that of a server of the test's own. */
export async function makeSite(
  type: Exclude<StorageType, 'memory'>,
  { through = (same) => same, url }: { through?: (url: string) => string; url?: string } = {},
): Promise<Site> {
  await ensureBundle()
  const backend = type === 'jsonl' || url !== undefined ? undefined : await makeBackend(type)
  const given = backend?.options() ?? (url === undefined ? undefined : serverOptions(type, url))
  const env: NodeJS.ProcessEnv = {
    INFER_STORAGE_TYPE: type,
    INFER_TOOLS_SCHEDULE_ENABLED: 'true',
    INFER_GATEWAY_MOCK: 'true',
    ...(given?.type === 'sqlite' && { INFER_STORAGE_SQLITE_PATH: given.path }),
    ...(given?.type === 'postgres' && { INFER_STORAGE_POSTGRES_URL: through(given.url) }),
    ...(given?.type === 'redis' && { INFER_STORAGE_REDIS_URL: through(given.url) }),
  }
  const place = cliPlace(env)
  const options = given ?? jsonlOptions(place)
  const stores = backend ? await backend.open() : await openStores(options)
  const daemons: DaemonProcess[] = []
  return {
    place,
    stores,
    options,
    env,
    async daemon(more, flags) {
      const daemon = new DaemonProcess(place, { ...env, ...more }, flags)
      daemons.push(daemon)
      await daemon.logs(/^jobs are in sync/, 30_000)
      return daemon
    },
    async runs(jobId) {
      return (await stores.jobRuns.list({ jobId, limit: 0 })).reverse()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()))
      for (const { pid } of await stores.jobRuns.list({ limit: 0, only: 'open' })) if (pid) killGroup(pid)
      await stores[Symbol.asyncDispose]()
      await backend?.[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}

function serverOptions(type: StorageType, url: string): StorageOptions {
  const none = { warn: () => {}, url, host: '', port: 0, username: '', password: '' }
  return type === 'postgres'
    ? { type, ...none, database: '', sslMode: 'disable' }
    : { type: 'redis', ...none, db: 0, tls: false }
}

/** The files of a program that runs in that place. */
export function jsonlOptions({ home, cwd }: CliPlace): StorageOptions {
  return {
    type: 'jsonl',
    warn: () => {},
    conversationsDir: join(cwd, '.infer/conversations'),
    sessionGroupsFile: join(cwd, '.infer/session_groups.json'),
    plansDir: join(cwd, '.infer/plans'),
    historyFile: join(cwd, '.infer/history'),
    schedulesDir: join(home, '.infer/schedules'),
    runsDir: join(home, '.infer/runs'),
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** Saves a job that fires for the first time so many seconds from now, and then every `every` (default: an hour). */
export async function saveJob(
  { stores }: Site,
  job: Pick<ScheduledJob, 'id' | 'prompt'> & Partial<ScheduledJob>,
  { inSeconds = 2, everySeconds = 3_600 } = {},
): Promise<StoredJob> {
  const now = await stores.jobRuns.now()
  const createdAt = new Date(now.getTime() + (inSeconds - everySeconds) * 1_000)
  return await stores.scheduledJobs.save({
    cronExpression: `@every ${everySeconds}s`,
    timezone: 'UTC',
    runOnce: false,
    enabled: true,
    catchUp: 'latest',
    overlap: 'skip',
    createdAt,
    updatedAt: createdAt,
    ...job,
  })
}
