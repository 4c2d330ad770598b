import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** How much of the end of a log is looked at for its last words, in bytes. */
const TAIL = 8_192
/** Logs of runs that did not end well are kept up to this number. */
const KEPT = 200

/** The logs of runs, `runs/<run>.log` each, where a directory can be written. */
export class RunLogs {
  readonly #directory: string

  constructor(logDirectory: string) {
    this.#directory = join(logDirectory, 'runs')
  }

  /** The log of a run, which goes on where a former claim of it has ended. */
  open(runId: string): RunLog {
    const path = join(this.#directory, `${runId}.log`)
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
      this.#makeRoom()
      return new RunLog(path, openSync(path, 'a+', 0o600))
    } catch {
      return new RunLog(path, undefined)
    }
  }

  #makeRoom(): void {
    const names = readdirSync(this.#directory)
    if (names.length < KEPT) return
    const byAge = names
      .map((name) => join(this.#directory, name))
      .map((path) => ({ path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => a.time - b.time)
    for (const { path } of byAge.slice(0, names.length - KEPT + 1)) rmSync(path, { force: true })
  }
}

/** What a run writes to stdout and stderr. */
export class RunLog implements Disposable {
  /** Undefined where no file can be written. */
  readonly descriptor: number | undefined
  readonly #path: string

  constructor(path: string, descriptor: number | undefined) {
    this.#path = path
    this.descriptor = descriptor
  }

  /** The last error that the agent has named, else its last line that is neither JSON nor a warning; undefined when there is none. */
  lastWords(): string | undefined {
    if (this.descriptor === undefined) return undefined
    try {
      const start = Math.max(0, fstatSync(this.descriptor).size - TAIL)
      const buffer = Buffer.alloc(TAIL)
      const text = buffer.toString('utf8', 0, readSync(this.descriptor, buffer, 0, TAIL, start))
      const lines = text.split('\n').map((line) => line.trim())
      const said = lines.filter((line) => line !== '' && !/^(\{|infer: warning)/.test(line))
      return said.findLast((line) => line.startsWith('infer: ')) ?? said.at(-1)
    } catch {
      return undefined
    }
  }

  remove(): void {
    rmSync(this.#path, { force: true })
  }

  [Symbol.dispose](): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor)
  }
}
