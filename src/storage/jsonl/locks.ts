import { closeSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Statement } from 'better-sqlite3'
import { StorageError } from '#storage/contract/errors.ts'
import { codeOf, ioError, isMissing } from './io-error.ts'
import { makeDirectory } from './replace-file.ts'

/** A connection to a lock file, with its two statements. */
interface Lock {
  readonly database: Database
  readonly begin: Statement
  readonly end: Statement
}

/** Connections kept open: opening one takes 3 ms, and jobs and conversations have 16 locks each. */
const MAX_IDLE = 40

/** Which of 16 locks a record has: a hexadecimal digit, the same in every process. A digest would take 10 µs. */
export function lockDigit(id: string): string {
  let sum = 0
  for (let n = 0; n < id.length; n++) sum = (sum * 31 + id.charCodeAt(n)) & 0xffff
  return ((sum ^ (sum >> 4) ^ (sum >> 8)) & 15).toString(16)
}

/**
 * Locks between processes: `BEGIN IMMEDIATE` on an empty SQLite file each. The kernel holds them, so a killed holder
 * frees its lock and a stopped one keeps it. A lock is tried without blocking, with jitter, until the deadline.
 *
 * Within one process the callers of a lock wait in line. Nothing else may open a lock file in this process: closing
 * any descriptor of it would drop the lock.
 */
export class Locks implements AsyncDisposable {
  readonly #busyTimeoutMs: number
  readonly #open = new Map<string, Lock>()
  readonly #lines = new Map<string, Promise<void>>()
  readonly #held = new Set<string>()

  constructor(busyTimeoutMs: number) {
    this.#busyTimeoutMs = busyTimeoutMs
  }

  /** Runs `use` while holding the lock file. E_BUSY when it stays taken until the deadline. Not reentrant. */
  async hold<T>(path: string, use: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#busyTimeoutMs
    const before = this.#lines.get(path)
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const line = before ? before.then(() => done) : done
    this.#lines.set(path, line)
    try {
      if (before) await before
      const lock = await this.#acquire(path, deadline)
      try {
        return await use()
      } finally {
        this.#release(path, lock)
      }
    } finally {
      resolve()
      if (this.#lines.get(path) === line) this.#lines.delete(path)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { database } of this.#open.values()) database.close()
    this.#open.clear()
  }

  async #acquire(path: string, deadline: number): Promise<Lock> {
    const lock = this.#open.get(path) ?? (await this.#connect(path))
    this.#open.delete(path)
    this.#open.set(path, lock)
    this.#held.add(path)
    for (let attempt = 1; ; attempt++) {
      try {
        lock.begin.run()
        return lock
      } catch (error) {
        const busy = isBusy(error)
        if (!busy || performance.now() >= deadline) {
          this.#held.delete(path)
          if (!busy) throw ioError(error, path, 'lock')
          const message = `${path} stayed locked by another process for ${this.#busyTimeoutMs} ms`
          throw new StorageError('E_BUSY', 'jsonl', message, { hint: 'try again, or end the process that holds it' })
        }
      }
      await sleep(1 + Math.random() * Math.min(25, attempt * 2))
    }
  }

  async #connect(path: string): Promise<Lock> {
    const { default: Sqlite } = await import('better-sqlite3')
    createEmpty(path)
    try {
      const database = new Sqlite(path, { timeout: 0 })
      withoutJournal(database)
      const lock = { database, begin: database.prepare('BEGIN IMMEDIATE'), end: database.prepare('ROLLBACK') }
      this.#open.set(path, lock)
      return lock
    } catch (error) {
      throw ioError(error, path, 'lock')
    }
  }

  #release(path: string, { database, end }: Lock): void {
    this.#held.delete(path)
    if (database.open && database.inTransaction) end.run()
    for (const [other, idle] of this.#open) {
      if (this.#open.size <= MAX_IDLE) return
      if (this.#held.has(other)) continue
      idle.database.close()
      this.#open.delete(other)
    }
  }
}

/** Nothing is ever written, so there is nothing to journal, and a file for it would take 50 µs each time. */
function withoutJournal(database: Database): void {
  try {
    database.pragma('journal_mode = memory')
  } catch (error) {
    // Somebody holds the lock now, and it works with a journal too.
    if (!isBusy(error)) throw error
  }
}

function isBusy(error: unknown): boolean {
  return codeOf(error)?.startsWith('SQLITE_BUSY') === true
}

/** SQLite would make it with the permissions of the umask. An existing one is not opened: see the class. */
function createEmpty(path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      closeSync(openSync(path, 'wx', 0o600))
      return
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return
      if (!isMissing(error) || attempt > 1) throw ioError(error, path, 'lock')
      makeDirectory(dirname(path))
    }
  }
}
