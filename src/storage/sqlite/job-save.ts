import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import { stateForDefinition } from '#storage/rules/run-transitions.ts'
import type { ExpectedRow, Row, Steps } from '#storage/sql/database.ts'
import { JOB_COLUMNS, jobOf, jobValues, putState, stateColumns, stateOf, UNGUARDED } from '#storage/sql/job-rows.ts'
import { readRow } from '#storage/sql/rows.ts'
import { type SqlValue, Statement, sql } from '#storage/sql/statement.ts'
import { SQLITE_DIALECT, sqliteValue } from './dialect.ts'

/** A statement of `?` placeholders whose text is made once: most of a save's time beside the disk goes into texts. */
function fixed(text: string): (values: readonly SqlValue[]) => Statement {
  const strings = text.split('?')
  return (values) => new Statement(strings, values)
}

const columns = JOB_COLUMNS.join(', ')
const changed = JOB_COLUMNS.filter((column) => column !== 'id')
const readDefinition = fixed(`select ${columns}, row_token from infer_scheduled_jobs where id = ?`)
const readState = fixed('select schedule_hash, last_run, last_error from infer_job_states where job_id = ?')
const insert = fixed(`insert into infer_scheduled_jobs (${columns}) values (${JOB_COLUMNS.map(() => '?').join(', ')})`)
const update = fixed(
  `update infer_scheduled_jobs set ${changed.map((column) => `${column} = ?`).join(', ')} where id = ?`,
)

/**
 * `SqlDatabase.saveJob` inside one transaction. The scheduling state is only parsed when the schedule has changed, and
 * a definition that stands there already is not written.
 */
export function* saveJobSteps(job: ScheduledJob, expected: ExpectedRow): Steps<Row | undefined> {
  const [stored] = yield readDefinition([job.id])
  const definition = stored && readRow('sqlite', `job ${job.id}`, () => jobOf(stored))
  const token = stored ? String(stored.row_token) : null
  if (expected !== 'any' && expected.token !== token) return undefined
  const [state] = yield readState([job.id])
  if (!stored || state?.schedule_hash !== scheduleHash(job)) yield* restart(job, definition)
  const values = jobValues(job)
  const [id, ...rest] = values
  if (!stored) yield insert(values)
  else if (changed.some((column, index) => stored[column] !== sqliteValue(rest[index]))) yield update([...rest, id])
  return { last_run: state?.last_run, last_error: state?.last_error }
}

/** Writes the state of a schedule that begins now; this engine's clock is the machine's. */
function* restart(job: ScheduledJob, stored: ScheduledJob | undefined): Steps<void> {
  const [row = {}] = yield sql`select ${stateColumns('s')} from infer_job_states s where s.job_id = ${job.id}`
  const before = readRow('sqlite', `the scheduling state of job ${job.id}`, () => stateOf(row))
  const next = stateForDefinition({ job: stored, state: before, version: undefined, now: new Date() }, job)
  if (next) yield putState(SQLITE_DIALECT, job.id, next, UNGUARDED, before === undefined)
}
