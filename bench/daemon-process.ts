import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cleanEnvironment } from '../test/support/environment.ts'
import { type Durable, makeDirectory, type PlaceOptions } from './places.ts'

/** Of the counters in /proc, in ms; the kernel has it fixed for programs. */
const TICK_MS = 10

/** A real `infer channels-manager` over a place. Needs Linux, whose /proc says what a process uses. */
export class DaemonProcess implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #synced: Promise<void>
  readonly #kill = () => this.#process.kill('SIGKILL')

  /** `infer` is the path of the installed program. */
  constructor(infer: string, options: PlaceOptions[Durable]) {
    const home = options.type === 'jsonl' ? join(options.schedulesDir, '..', '..') : makeDirectory()
    const env = cleanEnvironment({ HOME: home, XDG_CACHE_HOME: join(home, '.cache'), ...settings(options) })
    for (const name of ['XDG_CONFIG_HOME', 'NODE_COMPILE_CACHE']) delete env[name]
    const stdio = ['ignore', 'ignore', 'pipe'] as const
    this.#process = spawn(process.execPath, [infer, 'channels-manager'], {
      cwd: makeDirectory(),
      env,
      stdio: [...stdio],
    })
    process.once('exit', this.#kill)
    this.#synced = this.#sync()
    this.#synced.catch(() => {})
  }

  /** Resolves once it knows every job; throws with what it said when it ended before. */
  async synced(): Promise<void> {
    await this.#synced
  }

  async #sync(): Promise<void> {
    const { stderr } = this.#process
    if (!stderr) throw new Error('the daemon has no stderr')
    const said: string[] = []
    const lines = createInterface({ input: stderr })
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        if (said.length < 50) said.push(line)
        if (line.includes('jobs are in sync')) resolve()
      })
      lines.on('close', () => reject(new Error(`the daemon has ended:\n${said.join('\n')}`)))
    })
  }

  /** CPU time of all of its threads so far, in ms, in steps of 10. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }

  /** What it has in memory at present, and the most it ever had, in MiB. */
  resident(): { now: number; peak: number } {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8')
    const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024
    return { now: mebibytes('VmRSS'), peak: mebibytes('VmHWM') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#kill)
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await exit
  }
}

function settings(options: PlaceOptions[Durable]): NodeJS.ProcessEnv {
  return {
    INFER_STORAGE_TYPE: options.type,
    INFER_TOOLS_SCHEDULE_ENABLED: 'true',
    ...(options.type === 'sqlite' && { INFER_STORAGE_SQLITE_PATH: options.path }),
    ...(options.type === 'postgres' && { INFER_STORAGE_POSTGRES_URL: options.url }),
    ...(options.type === 'redis' && { INFER_STORAGE_REDIS_URL: options.url }),
  }
}
