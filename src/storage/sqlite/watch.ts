import Sqlite from 'better-sqlite3'
import type { SqlDatabase } from '#storage/sql/database.ts'
import type { SqlJobRecords } from '#storage/sql/job-records.ts'
import { generationStatement, readGeneration, type WatchedJobs, watchReads } from '#storage/sql/watch-source.ts'
import { BUSY_TIMEOUT_MS, inodeOf } from './database.ts'
import { SQLITE_DIALECT } from './dialect.ts'

const GENERATION = generationStatement(SQLITE_DIALECT)

/** Between two looks at `data_version`, in ms. */
const LOOK_MS = 250

/**
 * SQLite tells nobody of changes, so the hint is a cheap look: at `data_version`, which changes with every commit of
 * another connection, on a connection of its own. Whether it was a commit of jobs, their generation says.
 */
export class SqliteWatch implements WatchedJobs {
  readonly backend = 'sqlite'
  readonly index: WatchedJobs['index']
  readonly load: WatchedJobs['load']
  readonly #path: string
  readonly #db: SqlDatabase
  #connection: { sqlite: Sqlite.Database; generation: Sqlite.Statement; inode: number } | undefined
  #dataVersion: unknown
  #generation: string | undefined

  constructor(path: string, db: SqlDatabase, records: SqlJobRecords) {
    const { index, load } = watchReads(db, records)
    this.index = index
    this.load = load
    this.#path = path
    this.#db = db
  }

  async listen(hint: () => void, signal: AbortSignal): Promise<AsyncDisposable> {
    const timer = setInterval(() => {
      if (this.#looksChanged()) hint()
    }, LOOK_MS)
    const stop = () => {
      clearInterval(timer)
      this.#close()
    }
    signal.addEventListener('abort', stop)
    return {
      [Symbol.asyncDispose]: async () => {
        signal.removeEventListener('abort', stop)
        stop()
      },
    }
  }

  async changed(): Promise<boolean> {
    const generation = await readGeneration(this.#db)
    const changed = generation === undefined || generation !== this.#generation
    this.#generation = generation
    return changed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }

  /** True when the jobs have another generation, and once when it cannot be read: the list says why. */
  #looksChanged(): boolean {
    try {
      const inode = inodeOf(this.#path)
      if (this.#connection?.inode !== inode) this.#connect(inode)
      const dataVersion = this.#connection?.sqlite.pragma('data_version', { simple: true })
      if (dataVersion === this.#dataVersion) return false
      const generation = this.#connection?.generation.pluck().get()
      this.#dataVersion = dataVersion
      if (generation === this.#generation) return false
      this.#generation = String(generation)
      return true
    } catch {
      const first = this.#connection !== undefined
      this.#close()
      return first
    }
  }

  #connect(inode: number): void {
    this.#close()
    const sqlite = new Sqlite(this.#path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
    try {
      const generation = sqlite.prepare(GENERATION.text(() => '?'))
      this.#connection = { sqlite, generation, inode }
    } catch (error) {
      sqlite.close()
      throw error
    }
  }

  #close(): void {
    this.#connection?.sqlite.close()
    this.#connection = undefined
    this.#dataVersion = undefined
  }
}
