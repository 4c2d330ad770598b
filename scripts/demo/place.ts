import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanEnvironment } from '../../test/support/environment.ts'
import { type Backend, DemoError } from './backend.ts'
import { startServer } from './servers.ts'

export const ROOT = join(import.meta.dirname, '../..')
/** How long daemons may take to stop, in ms. */
const STOP_MS = 5_000

/** A temporary directory with a storage backend, in which the real program runs; removed with everything in it. */
export class Place implements AsyncDisposable {
  readonly backend: Backend
  /** Sessions begun by `ask`. */
  readonly sessions = new Set<string>()
  /** Resolves at Ctrl-C or SIGTERM. */
  readonly interrupted: Promise<'interrupted'>
  readonly #directory: string
  readonly #env: NodeJS.ProcessEnv
  readonly #stopServer: () => Promise<void>
  readonly #children = new Set<ChildProcess>()
  readonly #daemons: { name: string; process: ChildProcess; log: string }[] = []
  readonly #onSignal: () => void
  #closed = false

  constructor(backend: Backend, directory: string, server: { env: NodeJS.ProcessEnv; stop(): Promise<void> }) {
    this.backend = backend
    this.#directory = directory
    this.#stopServer = server.stop
    this.#env = cleanEnvironment({
      INFER_GATEWAY_MOCK: 'true',
      INFER_TOOLS_SCHEDULE_ENABLED: 'true',
      INFER_TOOLS_SCHEDULE_REQUIRE_APPROVAL: 'false',
      INFER_STORAGE_TYPE: backend,
      XDG_CACHE_HOME: join(directory, 'cache'),
      ...server.env,
    })
    const { promise, resolve } = Promise.withResolvers<'interrupted'>()
    this.interrupted = promise
    this.#onSignal = () => resolve('interrupted')
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, this.#onSignal)
  }

  /** A server is shared by hosts: there, each daemon has a home and a working directory of its own. */
  #start(args: readonly string[], host: string, stdio: 'pipe' | 'inherit' | ['ignore', 'ignore', 'pipe']) {
    if (this.#closed) throw new DemoError('the demo is over')
    const files = this.backend === 'jsonl' || this.backend === 'sqlite'
    const base = join(this.#directory, files ? 'host' : `host-${host}`)
    const [home, cwd] = [join(base, 'home'), join(base, 'work')]
    for (const made of [home, cwd]) mkdirSync(made, { recursive: true })
    const command = [join(ROOT, 'bin/run.cjs'), ...args]
    const child = spawn(process.execPath, command, { cwd, env: { ...this.#env, HOME: home }, stdio })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    return child
  }

  /** Runs the program and returns its stdout; fails with what it said. */
  async infer(...args: string[]): Promise<string> {
    return await this.#run(args, [0])
  }

  async json(...args: string[]): Promise<unknown> {
    return JSON.parse(await this.infer(...args, '--json'))
  }

  /** `infer status`, which exits 1 when it has something to say. */
  async status(): Promise<unknown> {
    return JSON.parse(await this.#run(['status', '--json'], [0, 1]))
  }

  /** Runs the program with its stdout where ours goes. */
  async show(...args: string[]): Promise<void> {
    await once(this.#start(args, 'user', 'inherit'), 'close')
  }

  /** Asks the agent, and returns what it said or the plan that it wrote. */
  async ask(args: readonly string[]): Promise<string> {
    const output = await this.infer('agent', ...args)
    const lines = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const session = lines.find(({ session_id }) => session_id !== undefined)?.session_id
    this.sessions.add(String(session))
    const spoken = lines.filter(({ type, role, content }) => (role === 'assistant' && content) || type === 'info')
    const { content, message } = spoken.at(-1) ?? {}
    return String(content ?? message).split('\n')[0] ?? ''
  }

  async #run(args: readonly string[], expected: readonly number[]): Promise<string> {
    const child = this.#start(args, 'user', 'pipe')
    child.stdin?.end()
    let [stdout, stderr] = ['', '']
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    await once(child, 'close')
    if (expected.includes(child.exitCode ?? -1)) return stdout
    throw new DemoError(`infer ${args.join(' ')} ended with ${child.exitCode ?? child.signalCode}: ${stderr}${stdout}`)
  }

  startDaemon(name: string): ChildProcess {
    const daemon = { name, process: this.#start(['channels-manager'], name, ['ignore', 'ignore', 'pipe']), log: '' }
    daemon.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      daemon.log = (daemon.log + text).slice(-4_000)
    })
    this.#daemons.push(daemon)
    return daemon.process
  }

  /** The letter of the daemon with that process id. */
  daemonName(pid: number): string {
    return this.#daemons.find(({ process }) => process.pid === pid)?.name ?? '?'
  }

  failIfDaemonEnded(): void {
    const ended = this.#daemons.find(({ process }) => process.exitCode !== null || process.signalCode !== null)
    if (ended) throw new DemoError(`daemon ${ended.name} ended`)
  }

  /** The end of what the daemons said, for failures. */
  get daemonLogs(): string {
    return this.#daemons.map(({ name, log }) => `daemon ${name}:\n${log}`).join('\n')
  }

  /** SIGTERM, as a container is stopped: agents that run may finish. */
  async stopDaemons(): Promise<void> {
    await this.#end(this.#daemons.map(({ process }) => process))
  }

  async #end(processes: readonly ChildProcess[]): Promise<void> {
    const running = processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    const ended = Promise.all(running.map((child) => once(child, 'close')))
    for (const child of running) child.kill('SIGTERM')
    const timer = setTimeout(() => {
      for (const child of running) child.kill('SIGKILL')
    }, STOP_MS)
    await ended
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#end([...this.#children])
    await this.#stopServer()
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 })
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, this.#onSignal)
  }
}

/** Makes the directory, and starts the server where the backend is one. */
export async function openPlace(backend: Backend): Promise<Place> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'infer-demo-')))
  try {
    return new Place(backend, directory, await startServer(backend, directory))
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
}
