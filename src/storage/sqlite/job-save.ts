import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import { stateForDefinition } from '#storage/rules/run-transitions.ts'
import type { ExpectedRow, Row, Steps } from '#storage/sql/database.ts'
import {
  JOB_COLUMNS,
  jobColumns,
  jobOf,
  jobValues,
  putState,
  stateColumns,
  stateOf,
  UNGUARDED,
} from '#storage/sql/job-rows.ts'
import { readRow } from '#storage/sql/rows.ts'
import { join, raw, type SqlValue, Statement, sql } from '#storage/sql/statement.ts'
import { SQLITE_DIALECT, sqliteValue } from './dialect.ts'

type Values = readonly SqlValue[]

/** The statement with other values: most of a save's time beside the disk would go into making its text. */
function fixed({ strings }: Statement): (values: Values) => Statement {
  return (values) => new Statement(strings, values)
}

const { scheduled_jobs, job_states } = SQLITE_DIALECT.tables
// One statement with a join would be prepared anew for each binding, which takes ten times as long as both of these.
const readDefinition = fixed(sql`select ${jobColumns('j')}, row_token from ${scheduled_jobs} j where id = ${null}`)
const readState = fixed(sql`select ${stateColumns('s')} from ${job_states} s where job_id = ${null}`)
const insert = fixed(
  sql`insert into ${scheduled_jobs} (${raw(JOB_COLUMNS.join(', '))}) values (${join(JOB_COLUMNS.map(() => sql`${null}`))})`,
)
/** One statement for each set of columns that a save has changed. */
const updates = new Map<string, ReturnType<typeof fixed>>()

/**
 * `SqlDatabase.saveJob` inside one transaction. The scheduling state is only parsed when the schedule has changed, and
 * of a definition that stands there already only what differs is written.
 */
export function* saveJobSteps(job: ScheduledJob, expected: ExpectedRow): Steps<Row | undefined> {
  const [row] = yield readDefinition([job.id])
  const stored = row && readRow('sqlite', `job ${job.id}`, () => jobOf(row))
  const token = row ? String(row.row_token) : null
  if (expected !== 'any' && expected.token !== token) return undefined
  const [state = {}] = yield readState([job.id])
  if (!stored || state.state_schedule_hash !== scheduleHash(job)) yield* restart(job, stored, state)
  const values = jobValues(job).map(sqliteValue)
  if (row) yield* change(job.id, row, values)
  else yield insert(values)
  return { last_run: state.state_last_run, last_error: state.state_last_error }
}

/** Writes the state of a schedule that begins now; this engine's clock is the machine's. */
function* restart(job: ScheduledJob, stored: ScheduledJob | undefined, state: Row): Steps<void> {
  const before = readRow('sqlite', `the scheduling state of job ${job.id}`, () => stateOf(state))
  const next = stateForDefinition({ job: stored, state: before, version: undefined, now: new Date() }, job)
  if (next) yield putState(SQLITE_DIALECT, job.id, next, UNGUARDED, before === undefined)
}

function* change(id: string, stored: Row, values: Values): Steps<void> {
  const changed = JOB_COLUMNS.map((column, index) => [column, values[index]] as const).filter(
    ([column, value]) => stored[column] !== value,
  )
  if (changed.length === 0) return
  const key = changed.map(([column]) => column).join()
  let update = updates.get(key)
  if (!update) {
    const assignments = join(changed.map(([column]) => sql`${raw(column)} = ${null}`))
    update = fixed(sql`update ${scheduled_jobs} set ${assignments} where id = ${null}`)
    updates.set(key, update)
  }
  yield update([...changed.map(([, value]) => value), id])
}
