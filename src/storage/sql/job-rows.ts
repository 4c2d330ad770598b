import { randomUUID } from 'node:crypto'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { parseObject } from '#storage/rules/fields.ts'
import { jobDefinition, jobFromDocument } from '#storage/rules/job-document.ts'
import { runToDocument, stateFromDocument, stateToDocument } from '#storage/rules/run-document.ts'
import { isOpen, isUndelivered } from '#storage/rules/run-transitions.ts'
import type { Dialect, JobRowsWrite, Row, Steps } from './database.ts'
import { rowDocument, textOf } from './rows.ts'
import { join, raw, type SqlValue, type Statement, sql } from './statement.ts'

/** Columns of a definition, named as in the files, with the value of each. */
const JOB: readonly [column: string, type: 'text' | 'boolean' | 'timestamptz', of: (job: ScheduledJob) => SqlValue][] =
  [
    ['id', 'text', (job) => job.id],
    ['name', 'text', (job) => job.name],
    ['description', 'text', (job) => job.description],
    ['cron_expression', 'text', (job) => job.cronExpression],
    ['timezone', 'text', (job) => job.timezone],
    ['prompt', 'text', (job) => job.prompt],
    ['channel', 'text', (job) => job.channel],
    ['recipient_id', 'text', (job) => job.recipientId],
    ['model', 'text', (job) => job.model],
    ['run_once', 'boolean', (job) => job.runOnce],
    ['enabled', 'boolean', (job) => job.enabled],
    ['catch_up', 'text', (job) => job.catchUp],
    ['overlap', 'text', (job) => job.overlap],
    ['created_at', 'timestamptz', (job) => job.createdAt],
    ['updated_at', 'timestamptz', (job) => job.updatedAt],
  ]
export const JOB_COLUMNS: readonly string[] = JOB.map(([column]) => column)
const STATE_COLUMNS = ['version', 'schedule_hash', 'cursor_at', 'last_run', 'last_error', 'document'] as const

/** The values of JOB_COLUMNS, in their order. */
export function jobValues(job: ScheduledJob): SqlValue[] {
  const definition = jobDefinition(job)
  return JOB.map(([, , of]) => of(definition))
}

/** The columns of a definition, as `alias` names its table. */
export function jobColumns(alias: string): Statement {
  return raw(JOB_COLUMNS.map((column) => `${alias}.${column}`).join(', '))
}

/** The columns of a state with `state_` before their names. */
export function stateColumns(alias: string): Statement {
  return raw(STATE_COLUMNS.map((column) => `${alias}.${column} as state_${column}`).join(', '))
}

/** Throws DocumentError. */
export function jobOf(row: Row): ScheduledJob {
  return jobFromDocument(rowDocument(row, JOB_COLUMNS))
}

/** Throws DocumentError. Undefined when the row has no state. */
export function stateOf(row: Row): JobState | undefined {
  if (row.state_version === null || row.state_version === undefined) return undefined
  const { state_schedule_hash, state_cursor_at, state_last_run, state_last_error } = row
  const columns: Row = {
    schedule_hash: state_schedule_hash,
    cursor: state_cursor_at,
    last_run: state_last_run,
    last_error: state_last_error,
  }
  return stateFromDocument({
    ...parseObject(textOf(row, 'state_document')),
    ...rowDocument(columns, Object.keys(columns)),
  })
}

/** Always true: the steps of a transaction have checked before. */
export const UNGUARDED = raw('true')

/** Inserts or replaces a definition where `guard` holds. With `fresh` an id that is taken is an error. */
export function putJob(dialect: Dialect, job: ScheduledJob, guard: Statement, fresh = false): Statement {
  const columns = raw(JOB_COLUMNS.join(', '))
  const definition = jobDefinition(job)
  const values = join(JOB.map(([, type, of]) => dialect.cast(of(definition), type)))
  const updates = raw(JOB_COLUMNS.map((column) => `${column} = excluded.${column}`).join(', '))
  const insert = sql`insert into ${dialect.tables.scheduled_jobs} (${columns}) select ${values} where ${guard}`
  return fresh ? insert : sql`${insert} on conflict (id) do update set ${updates}`
}

export function removeJob(dialect: Dialect, jobId: string, guard: Statement): Statement {
  return sql`delete from ${dialect.tables.scheduled_jobs} where id = ${jobId} and ${guard}`
}

/** Inserts definitions with their scheduling states; an id that is taken is an error. */
export function insertJobs(dialect: Dialect, jobs: readonly { job: ScheduledJob; state: JobState }[]): Statement[] {
  if (jobs.length === 0) return []
  const states = jobs.map(({ job, state }) => [job.id, ...stateValues(state).map(([, value]) => value)])
  return [
    ...dialect.insertRows({
      into: dialect.tables.job_states,
      columns: [['job_id', 'text'], ...STATE_VALUES],
      rows: states,
      end: raw(''),
    }),
    ...dialect.insertRows({
      into: dialect.tables.scheduled_jobs,
      columns: JOB.map(([column, type]) => [column, type] as const),
      rows: jobs.map(({ job }) => jobValues(job)),
      end: raw(''),
    }),
  ]
}

const STATE_VALUES = [
  ['version', 'text'],
  ['schedule_hash', 'text'],
  ['cursor_at', 'timestamptz'],
  ['last_run', 'timestamptz'],
  ['last_error', 'text'],
  ['unsettled', 'boolean'],
  ['document', 'text'],
] as const

/** The columns of a state with their values, under a new version. */
function stateValues(state: JobState): [column: (typeof STATE_VALUES)[number], value: SqlValue][] {
  const { schedule_hash: _, cursor: __, last_run: ___, last_error: ____, ...document } = stateToDocument(state)
  const unsettled = state.runs.some((run) => isOpen(run) || isUndelivered(run))
  const { scheduleHash, cursor, lastRun, lastError } = state
  const values = [randomUUID(), scheduleHash, cursor, lastRun, lastError, unsettled, JSON.stringify(document)]
  return STATE_VALUES.map((column, index) => [column, values[index]])
}

/** Inserts (`fresh`) or replaces a state where `guard` holds, under a version of its own. */
export function putState(
  dialect: Dialect,
  jobId: string,
  state: JobState,
  guard: Statement,
  fresh: boolean,
): Statement {
  const { job_states: table } = dialect.tables
  const values = stateValues(state).map(([[column, type], value]) => [column, dialect.cast(value, type)] as const)
  if (fresh) {
    const columns = raw(values.map(([column]) => column).join(', '))
    return sql`insert into ${table} (job_id, ${columns})
      select ${dialect.cast(jobId, 'text')}, ${join(values.map(([, value]) => value))} where ${guard}`
  }
  const assignments = join(values.map(([column, value]) => sql`${raw(column)} = ${value}`))
  return sql`update ${table} set ${assignments} where job_id = ${jobId} and ${guard}`
}

export function removeState(dialect: Dialect, jobId: string, guard: Statement): Statement {
  return sql`delete from ${dialect.tables.job_states} where job_id = ${jobId} and ${guard}`
}

/** Inserts or replaces a run of the history where `guard` holds. */
export function putRun(dialect: Dialect, run: JobRun, guard: Statement): Statement {
  return sql`insert into ${dialect.tables.job_runs} (id, job_id, scheduled_for, state, delivery, document)
    select ${dialect.cast(run.id, 'text')}, ${dialect.cast(run.jobId, 'text')},
      ${dialect.cast(run.scheduledFor, 'timestamptz')}, ${dialect.cast(run.state, 'text')},
      ${dialect.cast(run.delivery.state, 'text')}, ${dialect.cast(JSON.stringify(runToDocument(run)), 'text')}
    where ${guard}
    on conflict (id) do update set scheduled_for = excluded.scheduled_for, state = excluded.state,
      delivery = excluded.delivery, document = excluded.document`
}

/** The statements of a write, each under `guard`. */
export function changesOf(dialect: Dialect, jobId: string, write: JobRowsWrite, guard: Statement): Statement[] {
  const { state, job, runs = [], stateVersion, jobToken } = write
  const changes: Statement[] = []
  if (state === 'remove') changes.push(removeState(dialect, jobId, guard))
  else if (state) changes.push(putState(dialect, jobId, state, guard, stateVersion === undefined))
  if (job === 'remove') changes.push(removeJob(dialect, jobId, guard))
  else if (job) changes.push(putJob(dialect, job.put, guard, jobToken === null))
  return [...changes, ...runs.map((run) => putRun(dialect, run, guard))]
}

/** `writeJob` in plain steps: look, compare, change. */
export function* writeJobSteps(dialect: Dialect, jobId: string, write: JobRowsWrite): Steps<boolean> {
  const { job_states, scheduled_jobs } = dialect.tables
  const [state] = yield sql`select version from ${job_states} where job_id = ${jobId} ${dialect.forUpdate}`
  if ((state?.version ?? undefined) !== write.stateVersion) return false
  if (write.jobToken !== undefined) {
    const [job] = yield sql`select ${dialect.rowToken('j')} as token from ${scheduled_jobs} j where id = ${jobId}
      ${dialect.forUpdate}`
    if ((job ? String(job.token) : null) !== write.jobToken) return false
  }
  for (const change of changesOf(dialect, jobId, write, UNGUARDED)) yield change
  return true
}
