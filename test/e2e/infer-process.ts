import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBinary } from '../support/binaries.ts'
import { cleanEnvironment } from '../support/environment.ts'
import { waitFor } from '../support/wait-for.ts'

const BIN = join(import.meta.dirname, '../../bin/run.cjs')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A home and a working directory of their own, in which `infer` is run as users run it. */
export interface Place extends AsyncDisposable {
  readonly home: string
  readonly cwd: string
  /** Starts `infer`; without `input` its stdin is empty. */
  start(args: readonly string[], more?: { env?: NodeJS.ProcessEnv; openInput?: boolean }): InferProcess
  run(args: readonly string[], more?: { env?: NodeJS.ProcessEnv; input?: string }): Promise<Ended>
}

/** `infer` from the bundle, in a process of its own that dies with the test. */
export class InferProcess {
  stdout = ''
  stderr = ''
  readonly #process
  readonly #closed: Promise<unknown>

  constructor(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    const command = ['--pdeathsig=KILL', process.execPath, BIN, ...args]
    this.#process = spawn(findBinary('setpriv'), command, { ...options, stdio: 'pipe' })
    this.#closed = once(this.#process, 'close')
    this.#process.stdin.on('error', () => {})
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
  }

  get lines(): Record<string, unknown>[] {
    const complete = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1)
    return complete
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  }

  send(line: object): void {
    this.#process.stdin.write(`${JSON.stringify(line)}\n`)
  }

  endInput(text = ''): void {
    this.#process.stdin.end(text)
  }

  closeOutput(): void {
    this.#process.stdout.destroy()
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  /** The first line on stdout, now or later, that matches. */
  async line(what: string, matches: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return await waitFor(`infer: ${what}`, () => {
      const found = this.lines.find(matches)
      if (found === undefined && this.#process.exitCode !== null) {
        throw new Error(`infer: ${what}: it ended with ${this.#process.exitCode}\n${this.stdout}${this.stderr}`)
      }
      return found
    })
  }

  async end(): Promise<Ended> {
    await this.#closed
    return { code: this.#process.exitCode, stdout: this.stdout, stderr: this.stderr }
  }
}

export async function newPlace(settings: NodeJS.ProcessEnv = {}): Promise<Place> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'infer-e2e-')))
  const home = join(root, 'home')
  const cwd = join(root, 'work')
  await mkdir(home)
  await mkdir(cwd)
  const base = {
    HOME: home,
    INFER_GATEWAY_MOCK: 'true',
    NODE_COMPILE_CACHE: join(tmpdir(), 'infer-e2e-cache'),
    ...settings,
  }
  const start: Place['start'] = (args, { env = {}, openInput = false } = {}) => {
    const child = new InferProcess(args, { cwd, env: cleanEnvironment({ ...base, ...env }) })
    if (!openInput) child.endInput()
    return child
  }
  return {
    home,
    cwd,
    start,
    run: async (args, { env = {}, input = '' } = {}) => {
      const child = start(args, { env, openInput: true })
      child.endInput(input)
      return await child.end()
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
