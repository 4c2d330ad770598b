import type { WatchSource } from '#storage/rules/watch.ts'
import type { Dialect, SqlDatabase } from './database.ts'
import type { SqlJobRecords } from './job-records.ts'
import { type Statement, sql } from './statement.ts'

/** Jobs loaded by one statement. */
const BATCH = 500

/** What one watch holds until it ends. */
export type WatchedJobs = WatchSource & AsyncDisposable

/** What a watch reads; how it hears of changes is the engine's. */
export function watchReads(db: SqlDatabase, records: SqlJobRecords): Pick<WatchSource, 'backend' | 'index' | 'load'> {
  const { tables, rowToken } = db.dialect
  return {
    backend: db.backend,
    async index() {
      const rows = await db.read(sql`select id, ${rowToken('j')} as token from ${tables.scheduled_jobs} j`)
      return new Map(rows.map((row) => [String(row.id), String(row.token)]))
    },
    async load(ids) {
      const loaded: Awaited<ReturnType<WatchSource['load']>> = { jobs: [], unreadable: [] }
      for (let first = 0; first < ids.length; first += BATCH) {
        const { jobs, unreadable } = await records.load(ids.slice(first, first + BATCH))
        loaded.jobs.push(...jobs)
        loaded.unreadable.push(...unreadable)
      }
      return loaded
    },
  }
}

/** The token that changes at the commit of each change of a definition; undefined when its row is gone. */
export async function readGeneration(db: Pick<SqlDatabase, 'read' | 'dialect'>): Promise<string | undefined> {
  const [row] = await db.read(generationStatement(db.dialect))
  return row && String(row.token)
}

export function generationStatement({ tables }: Dialect): Statement {
  return sql`select token from ${tables.generations} where domain = 'jobs'`
}
