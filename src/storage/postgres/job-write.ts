import type { JobRowsWrite } from '#storage/sql/database.ts'
import { changesOf } from '#storage/sql/job-rows.ts'
import { join, raw, type Statement, sql } from '#storage/sql/statement.ts'
import { POSTGRES_DIALECT } from './dialect.ts'

const OK = raw('exists (select 1 from ok)')

/**
 * `writeJob` in one statement: lock the rows, compare, and change them only where both still stand. Gives one row
 * with `ok` 1 or 0. Where a row was expected to be absent it is inserted plainly: a second writer fails with 23505,
 * and nothing of its statement stands.
 */
export function writeJobStatement(jobId: string, write: JobRowsWrite): Statement {
  const { tables, cast, rowToken } = POSTGRES_DIALECT
  const { stateVersion, jobToken } = write
  const withJob = jobToken !== undefined
  const parts = [
    sql`s as materialized (select version from ${tables.job_states} where job_id = ${jobId} for update)`,
    // Behind `s`, so that every writer takes its locks in one order.
    withJob &&
      sql`j as materialized (select ${rowToken('j')} as token from ${tables.scheduled_jobs} j
        where j.id = ${jobId} and (select count(*) from s) >= 0 for update)`,
    sql`ok as materialized (select 1 where (select version from s) is not distinct from ${cast(stateVersion, 'text')}
      ${withJob ? sql`and (select token from j) is not distinct from ${cast(jobToken, 'text')}` : sql``})`,
    ...changesOf(POSTGRES_DIALECT, jobId, write, OK).map((change, index) => sql`${raw(`c${index}`)} as (${change})`),
  ].filter((part) => part !== false)
  return sql`with ${join(parts)} select count(*)::integer as ok from ok`
}
