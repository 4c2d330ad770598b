import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findBinary } from './binaries.ts'
import { cleanEnvironment } from './environment.ts'
import { decode, encode } from './ndjson.ts'
import { waitFor } from './wait-for.ts'

/** A TypeScript program of the tests in a process of its own, which speaks one JSON document a line. */
export class Child implements AsyncDisposable {
  /** What it has said so far. */
  readonly said: unknown[] = []
  /** Its standard error, for failures. */
  stderr = ''
  readonly #process: ChildProcess
  readonly #exit: Promise<unknown>

  /** Starts `script`, a path relative to `test/support`, such as `./storage-child.ts`. It dies with the test. */
  constructor(script: string, options: { args?: readonly string[]; env?: NodeJS.ProcessEnv } = {}) {
    const path = fileURLToPath(new URL(script, import.meta.url))
    const args = ['--pdeathsig=KILL', process.execPath, path, ...(options.args ?? [])]
    this.#process = spawn(findBinary('setpriv'), args, { env: cleanEnvironment(options.env), stdio: 'pipe' })
    this.#exit = once(this.#process, 'exit')
    this.#process.stdin?.on('error', () => {})
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    if (this.#process.stdout) {
      createInterface({ input: this.#process.stdout }).on('line', (line) => this.said.push(decode(line)))
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  send(message: unknown): void {
    this.#process.stdin?.write(`${encode(message)}\n`)
  }

  /** The first thing it has said, or says, that `matches`. */
  async hear<T>(what: string, matches: (message: unknown) => message is T, timeoutMs?: number): Promise<T> {
    const ask = () => {
      const found = this.said.find(matches)
      if (found === undefined && this.#process.exitCode !== null) {
        throw new Error(`child: ${what}: it ended with code ${this.#process.exitCode}: ${this.stderr}`)
      }
      return found as Exclude<T, undefined | false> | undefined
    }
    return await waitFor(`child: ${what}`, ask, timeoutMs)
  }

  /** Ends its input, after which a program with nothing left to do ends by itself. Returns its exit code. */
  async endInput(): Promise<number | null> {
    this.#process.stdin?.end()
    return await waitFor('child: its end', () => this.#process.exitCode ?? undefined)
  }

  /** SIGKILL, SIGSTOP or SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGKILL')
      await this.#exit
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
