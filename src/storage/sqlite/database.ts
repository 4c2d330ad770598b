import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type Sqlite from 'better-sqlite3'
import { StorageError } from '#storage/contract/errors.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { appendSteps, createSteps } from '#storage/sql/conversations.ts'
import type { EntriesWrite, ExpectedRow, JobRowsWrite, Row, SqlDatabase, Steps } from '#storage/sql/database.ts'
import { writeJobSteps } from '#storage/sql/job-rows.ts'
import { raw, type Statement } from '#storage/sql/statement.ts'
import { SQLITE_DIALECT, sqliteValue } from './dialect.ts'
import { isBusy, sqliteError } from './errors.ts'
import { saveJobSteps } from './job-save.ts'

/**
 * How long, in ms, the driver itself waits for a lock. It blocks the whole process meanwhile, so this is short, and
 * the rest of the waiting is done between attempts.
 */
export const BUSY_TIMEOUT_MS = 50

/** A connection with its prepared statements, to the file that had this inode. */
export class Connection {
  readonly #db: Sqlite.Database
  readonly inode: number
  #logInode: number | undefined
  readonly #prepared = new Map<string, Sqlite.Statement<unknown[], Row>>()
  readonly #begin: Sqlite.Statement
  readonly #commit: Sqlite.Statement

  constructor(db: Sqlite.Database, inode: number) {
    this.#db = db
    this.inode = inode
    this.#begin = db.prepare('begin immediate')
    this.#commit = db.prepare('commit')
  }

  /** Inode of the log that stands beside the file as long as this is open. */
  get logInode(): number | undefined {
    return this.#logInode
  }

  rememberLog(path: string): void {
    this.#db.exec('select 1 from sqlite_master')
    this.#logInode = inodeIfAny(`${path}-wal`)
  }

  run(statement: Statement): Row[] {
    const text = statement.text(() => '?')
    let prepared = this.#prepared.get(text)
    if (!prepared) {
      prepared = this.#db.prepare<unknown[], Row>(text)
      this.#prepared.set(text, prepared)
    }
    const values = statement.values.map(sqliteValue)
    if (prepared.reader) return prepared.all(...values)
    prepared.run(...values)
    return []
  }

  /** Runs the steps in one write transaction without a pause. */
  transaction<T>(steps: Steps<T>): T {
    return this.#committed(() => this.#drive(steps))
  }

  /**
   * Runs several in one write transaction, one after the other: what one throws undoes its own changes and no others.
   * Throws when nothing was committed.
   */
  transactions(all: readonly (() => Steps<unknown>)[]): PromiseSettledResult<unknown>[] {
    return this.#committed(() => all.map((steps) => this.#apart(steps)))
  }

  #committed<T>(work: () => T): T {
    this.#begin.run()
    try {
      const result = work()
      this.#commit.run()
      return result
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('rollback')
      throw error
    }
  }

  #apart(steps: () => Steps<unknown>): PromiseSettledResult<unknown> {
    this.run(SAVEPOINT)
    try {
      const value = this.#drive(steps())
      this.run(RELEASE)
      return { status: 'fulfilled', value }
    } catch (reason) {
      // Out of space or memory the engine gives up the whole transaction.
      if (!this.#db.inTransaction) throw reason
      this.run(ROLLBACK)
      this.run(RELEASE)
      return { status: 'rejected', reason }
    }
  }

  #drive<T>(steps: Steps<T>): T {
    let step = steps.next([])
    while (!step.done) step = steps.next(this.run(step.value))
    return step.value
  }

  close(): void {
    this.#prepared.clear()
    this.#db.close()
  }
}

const SAVEPOINT = raw('savepoint apart')
const ROLLBACK = raw('rollback to apart')
const RELEASE = raw('release apart')

interface Waiting {
  readonly steps: () => Steps<unknown>
  readonly settle: (outcome: PromiseSettledResult<unknown>) => void
}

/** The connection of one process; it is opened anew when the file was replaced by another one. */
export class SqliteDatabase implements SqlDatabase {
  readonly backend = 'sqlite'
  readonly dialect = SQLITE_DIALECT
  readonly #path: string
  readonly #busyTimeoutMs: number
  readonly #open: () => Promise<Connection>
  #connection: Connection | undefined
  #opening: Promise<Connection> | undefined
  #formerLog: number | undefined
  #waiting: Waiting[] = []
  #closed = false

  constructor(path: string, busyTimeoutMs: number, open: () => Promise<Connection>) {
    this.#path = path
    this.#busyTimeoutMs = busyTimeoutMs
    this.#open = open
  }

  async connect(): Promise<void> {
    await this.#current()
  }

  async read(statement: Statement): Promise<Row[]> {
    return await this.#attempt((connection) => connection.run(statement))
  }

  async write(statement: Statement): Promise<Row[]> {
    return await this.#attempt((connection) => connection.run(statement))
  }

  /** Those that are asked for at the same moment share one commit, so that 100 claims wait for the disk once. */
  async transaction<T>(steps: () => Steps<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<PromiseSettledResult<unknown>>()
    this.#waiting.push({ steps, settle: resolve })
    if (this.#waiting.length === 1) queueMicrotask(() => void this.#runWaiting())
    const outcome = await promise
    if (outcome.status === 'rejected') throw sqliteError(outcome.reason, this.#path)
    return outcome.value as T
  }

  /** Never rejects. */
  async #runWaiting(): Promise<void> {
    const all = this.#waiting
    this.#waiting = []
    if (all.length > 1) {
      const steps = all.map((one) => one.steps)
      const [together] = await Promise.allSettled([this.#attempt((connection) => connection.transactions(steps))])
      if (together.status === 'fulfilled') {
        for (const [n, outcome] of together.value.entries()) all[n]?.settle(outcome)
        return
      }
      if (together.reason instanceof StorageError && together.reason.code === 'E_BUSY') {
        for (const { settle } of all) settle(together)
        return
      }
      // What is too large for the disk must not take the others with it.
    }
    for (const { steps, settle } of all) {
      const [outcome] = await Promise.allSettled([this.#attempt((connection) => connection.transaction(steps()))])
      settle(outcome)
    }
  }

  async appendEntries(write: EntriesWrite): Promise<boolean> {
    return await this.transaction(() => appendSteps(SQLITE_DIALECT, write))
  }

  async createConversations(writes: readonly EntriesWrite[]): Promise<Set<string>> {
    return await this.transaction(() => createSteps(SQLITE_DIALECT, writes))
  }

  async writeJob(jobId: string, write: JobRowsWrite): Promise<boolean> {
    return await this.transaction(() => writeJobSteps(SQLITE_DIALECT, jobId, write))
  }

  async saveJob(job: ScheduledJob, expected: ExpectedRow): Promise<Row | undefined> {
    return await this.transaction(() => saveJobSteps(job, expected))
  }

  close(): void {
    this.#closed = true
    this.#connection?.close()
    this.#connection = undefined
  }

  async #attempt<T>(work: (connection: Connection) => T): Promise<T> {
    return await retryBusy(this.#path, this.#busyTimeoutMs, async () => work(await this.#current()))
  }

  async #current(): Promise<Connection> {
    this.#refuseClosed()
    if (this.#connection && inodeOf(this.#path) === this.#connection.inode) return this.#connection
    if (this.#connection) {
      this.#formerLog = this.#connection.logInode
      this.#connection.close()
      this.#connection = undefined
    }
    this.#refuseFormerLog()
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    const opened = await this.#opening
    if (this.#closed) opened.close()
    this.#refuseClosed()
    this.#connection = opened
    return opened
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StorageError('E_UNAVAILABLE', 'sqlite', `${this.#path} was closed`)
  }

  /** SQLite would play the log of the replaced file into the one that took its place. */
  #refuseFormerLog(): void {
    const log = `${this.#path}-wal`
    if (this.#formerLog === undefined || inodeIfAny(log) !== this.#formerLog) return
    const message = `${this.#path} was replaced, but the log of the former database still stands beside it`
    throw new StorageError('E_CORRUPT', 'sqlite', message, {
      hint: `end every infer, remove ${log} and ${this.#path}-shm, and put the database in its place again`,
    })
  }
}

/** Tries again, with pauses that let the process go on, until the deadline (E_BUSY). */
export async function retryBusy<T>(path: string, timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw sqliteError(error, path)
      await sleep(5 + Math.random() * 45)
    }
  }
}

/** E_UNAVAILABLE when the file is gone: what would be written to it could never be found again. */
export function inodeOf(path: string): number {
  const inode = inodeIfAny(path)
  if (inode !== undefined) return inode
  throw new StorageError('E_UNAVAILABLE', 'sqlite', `the database ${path} is gone`, {
    hint: 'put it back, or start infer again for an empty one',
  })
}

function inodeIfAny(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}
