import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { appendSteps } from '#storage/sql/conversations.ts'
import type { EntriesWrite, ExpectedRow, JobRowsWrite, Row, SqlDatabase, Steps } from '#storage/sql/database.ts'
import { raw, type Statement } from '#storage/sql/statement.ts'
import { appendStatement } from './append.ts'
import type { Connector } from './connect.ts'
import { createConversationsSteps } from './create.ts'
import { POSTGRES_DIALECT } from './dialect.ts'
import { codeOf, isForgotten, isLost, isRace, isUndone, statementError } from './errors.ts'
import { saveJobStatement } from './job-save.ts'
import { writeJobStatement } from './job-write.ts'
import { Pool } from './pool.ts'
import { query } from './query.ts'

const MAX_ATTEMPTS = 8
const UNIQUE_VIOLATION = '23505'

/** The statements of one process, over its pool. */
export class PostgresDatabase implements SqlDatabase {
  readonly backend = 'postgres'
  readonly dialect = POSTGRES_DIALECT
  readonly connector: Connector
  readonly #pool: Pool
  /** False once a pooler has shown that it gives each transaction another session. */
  #prepared = true

  constructor(connector: Connector, poolSize: number) {
    this.connector = connector
    this.#pool = new Pool(connector, poolSize)
  }

  async open(): Promise<void> {
    await this.#pool.open()
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  async read(statement: Statement): Promise<Row[]> {
    return await this.#attempt((client) => query(client, statement, this.#prepared), isLost)
  }

  async write(statement: Statement): Promise<Row[]> {
    return await this.#attempt((client) => query(client, statement, this.#prepared), isUndone)
  }

  async transaction<T>(steps: () => Steps<T>): Promise<T> {
    // A row that was not there a statement ago and is now: the steps look again.
    const again = (error: unknown) => isUndone(error) || codeOf(error) === UNIQUE_VIOLATION
    return await this.#attempt((client) => this.#transaction(client, steps()), again)
  }

  /** Safe to repeat: what stands already does not have the expected length any more. */
  async appendEntries(write: EntriesWrite): Promise<boolean> {
    const statement = appendStatement(write)
    try {
      const [row] = await this.#attempt((client) => query(client, statement, this.#prepared), isLost, UNIQUE_VIOLATION)
      return row?.ok === 1
    } catch (error) {
      if (codeOf(error) !== UNIQUE_VIOLATION || write.expectedLength > 0)
        throw statementError(error, this.connector.target)
      return await this.transaction(() => appendSteps(POSTGRES_DIALECT, write))
    }
  }

  async createConversations(writes: readonly EntriesWrite[]): Promise<Set<string>> {
    return await this.transaction(() => createConversationsSteps(writes))
  }

  async writeJob(jobId: string, write: JobRowsWrite): Promise<boolean> {
    const statement = writeJobStatement(jobId, write)
    try {
      const [row] = await this.#attempt(
        (client) => query(client, statement, this.#prepared),
        isUndone,
        UNIQUE_VIOLATION,
      )
      return row?.ok === 1
    } catch (error) {
      if (codeOf(error) === UNIQUE_VIOLATION) return false
      throw error
    }
  }

  async saveJob(job: ScheduledJob, expected: ExpectedRow): Promise<Row | undefined> {
    const statement = saveJobStatement(job, expected)
    try {
      const [row] = await this.#attempt(
        (client) => query(client, statement, this.#prepared),
        isUndone,
        UNIQUE_VIOLATION,
      )
      return row?.ok === 1 ? row : undefined
    } catch (error) {
      if (codeOf(error) === UNIQUE_VIOLATION) return undefined
      throw error
    }
  }

  async #transaction<T>(client: pg.Client, steps: Steps<T>): Promise<T> {
    await query(client, raw('begin'), false)
    try {
      let step = steps.next([])
      while (!step.done) step = steps.next(await query(client, step.value, this.#prepared))
      await query(client, raw('commit'), false)
      return step.value
    } catch (error) {
      if (!isLost(error)) await query(client, raw('rollback'), false)
      throw error
    }
  }

  /** Repeats what `repeatable` says may be; an error with the code `passed` comes out as it is. */
  async #attempt<T>(
    work: (client: pg.Client) => Promise<T>,
    repeatable: (error: unknown) => boolean,
    passed?: string,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#pool.use(work)
      } catch (error) {
        const forgotten = isForgotten(error)
        if (forgotten) this.#prepared = false
        if (codeOf(error) === passed && passed !== undefined) throw error
        if (attempt >= MAX_ATTEMPTS || !(forgotten || isRace(error) || repeatable(error))) {
          throw statementError(error, this.connector.target)
        }
        await sleep(Math.random() * Math.min(10 * 2 ** attempt, 500))
      }
    }
  }
}
