import { realpathSync, statSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { FSWatcher } from 'chokidar'
import { StorageError } from '#storage/contract/errors.ts'
import type { WatchSource } from '#storage/rules/watch.ts'
import { ioError, isMissing } from './io-error.ts'
import { isSettled, type JobDefinitions } from './job-definitions.ts'
import type { FileJobRecords } from './job-records.ts'
import { makeDirectory } from './replace-file.ts'

/** Looks after which every file was looked at. */
const ROTATION = 15
/** How long, in ms, hints alone may say which files to look at. */
const TRUST_HINTS_MS = 30_000

interface DirectoryState {
  /** Another one when the directory was replaced. */
  identity: string
  /** Changes with every name in it. */
  token: string
  settled: boolean
}

/**
 * Watches the directory of definitions.
 *
 * Every atomic save, creation and deletion changes the times of the directory: one stat tells. Edits in place do not,
 * so each look also stats a fifteenth of the files. chokidar says at once which file to look at; it hears only the
 * directory itself (each file is ignored), because it would otherwise list all of them on every change.
 */
export class JobWatch implements WatchSource {
  readonly backend = 'jsonl'
  readonly confirmDeletionMs = 250
  readonly #definitions: JobDefinitions
  readonly #records: FileJobRecords
  readonly #absentMs: number
  readonly #tokens = new Map<string, string>()
  readonly #hinted = new Set<string>()
  #names: string[] = []
  #next = 0
  #directory = ''
  #unsettled = true
  #fullAt = Number.NEGATIVE_INFINITY
  #absentSince: number | undefined
  #seen = false
  #rearm: ((identity: string) => Promise<void>) | undefined

  /** `absentMs`: how long, in ms, the directory must be absent before its jobs count as deleted. */
  constructor(definitions: JobDefinitions, records: FileJobRecords, absentMs = 10_000) {
    this.#definitions = definitions
    this.#records = records
    this.#absentMs = absentMs
  }

  async listen(hint: () => void, signal: AbortSignal): Promise<AsyncDisposable> {
    let watcher: FSWatcher | undefined
    let armed = ''
    const heard = (name: unknown) => {
      if (typeof name === 'string' && (name.startsWith('.') || !name.endsWith('.yaml'))) {
        // Our own temporary files, and the directory itself, which may have been replaced.
        if (name.startsWith('.')) return
        this.#unsettled = true
      } else if (typeof name === 'string') this.#hinted.add(name.slice(0, -'.yaml'.length))
      hint()
    }
    const arm = async (identity: string) => {
      if (identity === armed || signal.aborted) return
      armed = identity
      await watcher?.close()
      watcher = undefined
      try {
        const { watch } = await import('chokidar')
        const directory = realpathSync(this.#definitions.directory)
        const next = watch(directory, { depth: 0, ignoreInitial: true, ignored: (path) => path !== directory })
        next.on('raw', (_event, name) => heard(name))
        next.on('error', () => {})
        watcher = next
        await new Promise<void>((resolve) => {
          next.once('ready', resolve)
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
        hint()
      } catch {
        // Nothing can be heard here: the poll finds the changes, and tries again when the directory is another one.
      }
    }
    try {
      makeDirectory(this.#definitions.directory)
      await arm(this.#stat()?.identity ?? '')
    } catch {
      // The index says what is wrong.
    }
    this.#rearm = arm
    return {
      [Symbol.asyncDispose]: async () => {
        this.#rearm = undefined
        await watcher?.close()
      },
    }
  }

  async changed(): Promise<boolean> {
    const directory = this.#stat()
    if (!directory || this.#unsettled || directory.token !== this.#directory) return true
    const count = Math.ceil(this.#names.length / ROTATION)
    for (let looked = 0; looked < count; looked++) {
      const name = this.#names[this.#next++ % this.#names.length] ?? ''
      if (this.#definitions.token(name) !== this.#tokens.get(name)) return true
    }
    return false
  }

  async index(): Promise<Map<string, string>> {
    await turn()
    const directory = this.#present()
    await this.#rearm?.(directory.identity)
    const hinted = new Set(this.#hinted)
    this.#hinted.clear()
    const partial = hinted.size > 0 && performance.now() - this.#fullAt < TRUST_HINTS_MS
    const names = this.#definitions.names()
    const looked = partial ? names.filter((name) => hinted.has(name) || !this.#isSettled(name)) : names
    const tokens = await this.#definitions.tokens(looked)
    if (!partial) {
      this.#fullAt = performance.now()
      this.#directory = directory.token
      this.#unsettled = !directory.settled
    }
    const known = new Map(this.#tokens)
    this.#tokens.clear()
    for (const name of names) {
      const token = tokens.get(name) ?? (partial && !hinted.has(name) ? known.get(name) : undefined)
      if (token === undefined) continue
      // A file may change again within the grain of its times: it is looked at once more.
      const settled = isSettled(token)
      this.#tokens.set(name, settled ? token : `${token}~`)
      if (!settled) this.#unsettled = true
    }
    this.#names = [...this.#tokens.keys()]
    return new Map(this.#tokens)
  }

  async load(ids: readonly string[]) {
    return await this.#records.load(ids)
  }

  #isSettled(name: string): boolean {
    const token = this.#tokens.get(name)
    return token !== undefined && !token.endsWith('~')
  }

  /** The directory, which is made at the start, and again when it was absent for long. */
  #present(): DirectoryState {
    let directory = this.#stat()
    if (!directory) {
      const now = performance.now()
      this.#absentSince ??= now
      const path = this.#definitions.directory
      if (this.#seen && now - this.#absentSince < this.#absentMs) {
        throw new StorageError('E_UNAVAILABLE', 'jsonl', `the directory of schedules ${path} is gone`, {
          hint: `its jobs are kept but not run until it is back; after ${this.#absentMs / 1_000} s they count as deleted`,
        })
      }
      makeDirectory(path)
      directory = this.#stat()
      if (!directory) throw new StorageError('E_UNAVAILABLE', 'jsonl', `${path} cannot be made`)
    }
    this.#absentSince = undefined
    this.#seen = true
    return directory
  }

  #stat(): DirectoryState | undefined {
    const path = this.#definitions.directory
    try {
      const stats = statSync(path, { bigint: true })
      const identity = `${stats.dev}.${stats.ino}`
      const token = `${stats.mtimeNs}.${stats.ctimeNs}.${identity}`
      return { identity, token, settled: isSettled(token) }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw ioError(error, path, 'list')
    }
  }
}
