import { randomUUID } from 'node:crypto'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import type { ExpectedRow } from '#storage/sql/database.ts'
import { putJob } from '#storage/sql/job-rows.ts'
import { raw, type Statement, sql } from '#storage/sql/statement.ts'
import { POSTGRES_DIALECT } from './dialect.ts'

const OK = raw('exists (select 1 from ok)')
/** What a job that never ran has beside its schedule. */
const FRESH_STATE = JSON.stringify({ runs: [], failures: 0 })

/**
 * Saves a definition, and starts its schedule anew where that is another one or the job is new, in one
 * statement. Gives one row with
 * `ok` 1 or 0 and the last run; `ok` is 0 when the stored row is not the expected one or cannot be read.
 */
export function saveJobStatement(job: ScheduledJob, expected: ExpectedRow): Statement {
  const { tables, rowToken, now, cast } = POSTGRES_DIALECT
  const matches =
    expected === 'any'
      ? sql`coalesce((select readable from j), true)`
      : sql`(select token from j) is not distinct from ${cast(expected.token, 'text')}`
  return sql`with
    s as materialized (select last_run, last_error from ${tables.job_states} where job_id = ${job.id} for update),
    j as materialized (
      select ${rowToken('j')} as token, catch_up in ('latest', 'none') and overlap in ('skip', 'allow')
        and isfinite(created_at) and isfinite(updated_at) as readable
      from ${tables.scheduled_jobs} j where j.id = ${job.id} and (select count(*) from s) >= 0 for update
    ),
    ok as materialized (select 1 where ${matches}),
    state as (
      insert into ${tables.job_states} as st (job_id, version, schedule_hash, cursor_at, unsettled, document)
        select ${job.id}, ${randomUUID()}, ${scheduleHash(job)}, ${now}, false, ${FRESH_STATE} where ${OK}
        on conflict (job_id) do update
          set version = excluded.version, schedule_hash = excluded.schedule_hash, cursor_at = excluded.cursor_at
          where st.schedule_hash <> excluded.schedule_hash or not exists (select 1 from j)
    ),
    job as (${putJob(POSTGRES_DIALECT, job, OK, expected !== 'any' && expected.token === null)})
    select (select count(*) from ok)::integer as ok, last_run, last_error from (select 1) o left join s on true`
}
