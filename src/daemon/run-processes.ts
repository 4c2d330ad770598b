import { type ChildProcess, spawn } from 'node:child_process'
import type { Log } from '#log.ts'
import type { RunExit } from '#scheduler/active-runs.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import { signalGroup } from './process-group.ts'
import { RunLogs } from './run-logs.ts'

/** How long after the run's own time limit the daemon ends it, in ms; the run enforces the limit itself. */
const TIMEOUT_MARGIN_MS = 30_000
/** The longest time that a timer can wait, in ms; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface RunProcessesOptions {
  /** The command that starts `infer`, such as node and bin/run.cjs. */
  readonly command: readonly [string, ...string[]]
  /** Directory of the daemon's logs; the runs' logs are in `runs` below it. */
  readonly logDirectory: string
  /** `tools.schedule.run_timeout` in ms; 0 means none. */
  readonly timeoutMs: number
  /** Default 30 s. */
  readonly timeoutMarginMs?: number
  readonly log: Log
}

/**
 * The agents that this daemon has started. A child gets the id and fence of its run and nothing else; it is the leader
 * of a process group of its own, so that it outlives the daemon, and what it leaves behind ends with it.
 */
export class RunProcesses {
  readonly #options: RunProcessesOptions
  readonly #logs: RunLogs
  readonly #children = new Set<ChildProcess>()
  #stopping = false

  constructor(options: RunProcessesOptions) {
    this.#options = options
    this.#logs = new RunLogs(options.logDirectory)
  }

  /** Starts the agent of a claimed run and waits for its end. Never rejects. */
  async run({ id, fence }: JobRun): Promise<RunExit> {
    const [program, ...args] = this.#options.command
    using output = this.#logs.open(id)
    let child: ChildProcess
    try {
      child = spawn(program, [...args, 'agent', '--run', id, '--fence', String(fence)], {
        detached: true,
        stdio: ['ignore', output.descriptor ?? 'ignore', output.descriptor ?? 'inherit'],
      })
    } catch (error) {
      return { reason: `the agent could not be started: ${(error as Error).message}`, interrupted: this.#stopping }
    }
    const ending = exitOf(child)
    this.#children.add(child)
    const timer = this.#limit(child, id)
    const how = await ending
    clearTimeout(timer)
    this.#children.delete(child)
    signalGroup(child, 'SIGKILL')
    const lastWords = output.lastWords()
    if (how === 'exit code 0') output.remove()
    const reason = `the agent ended: ${how}${lastWords === undefined ? '' : `: ${lastWords}`}`
    return { reason, interrupted: this.#stopping }
  }

  /** Ends every agent: SIGTERM to its group, and SIGKILL after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    const children = [...this.#children]
    const ended = Promise.all(children.map((child) => exitOf(child)))
    for (const child of children) signalGroup(child, 'SIGTERM')
    const timer = setTimeout(() => {
      for (const child of children) signalGroup(child, 'SIGKILL')
    }, graceMs)
    await ended
    clearTimeout(timer)
  }

  #limit(child: ChildProcess, run: string): NodeJS.Timeout | undefined {
    const { timeoutMs, timeoutMarginMs = TIMEOUT_MARGIN_MS, log } = this.#options
    if (timeoutMs <= 0) return undefined
    const expire = () => {
      log.warn('run ended by the daemon, it passed its time limit', { run })
      signalGroup(child, 'SIGKILL')
    }
    return setTimeout(expire, Math.min(timeoutMs + timeoutMarginMs, LONGEST_TIMER_MS))
  }
}

function exitOf(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null) return Promise.resolve(`exit code ${child.exitCode}`)
  if (child.signalCode !== null) return Promise.resolve(`signal ${child.signalCode}`)
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
    child.once('error', (error) => resolve(error.message))
  })
}
