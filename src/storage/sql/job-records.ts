import type { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { JobList, ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { ABSENT } from '#storage/contract/session-groups.ts'
import { isId } from '#storage/rules/check.ts'
import { DocumentError, parseObject } from '#storage/rules/fields.ts'
import type { JobRecord, JobRecords, JobWrite } from '#storage/rules/job-records.ts'
import { jobRevision, storedJob } from '#storage/rules/revision.ts'
import { runFromDocument } from '#storage/rules/run-document.ts'
import type { ExpectedRow, Row, SqlDatabase } from './database.ts'
import { storeNow } from './documents.ts'
import { jobColumns, jobOf, stateColumns, stateOf } from './job-rows.ts'
import { asCorrupt, optionalTimeOf, readRow, textOf, timeOf } from './rows.ts'
import { type Statement, sql } from './statement.ts'

/** Runs whose job is remembered, so that a run's renewals need not ask for it; and jobs whose version is. */
const MAX_REMEMBERED = 10_000

/** Definitions, scheduling states and runs in rows. */
export class SqlJobRecords implements JobRecords {
  readonly backend: SqlDatabase['backend']
  readonly #db: SqlDatabase
  readonly #jobOfRun = new Map<string, string>()
  /** As last read, so that an update with an expected revision need not read again. */
  readonly #versionOfJob = new Map<string, string>()

  constructor(db: SqlDatabase) {
    this.backend = db.backend
    this.#db = db
  }

  async now(): Promise<Date> {
    return await storeNow(this.#db)
  }

  async read(jobId: string): Promise<JobRecord> {
    const [row = {}] = await this.#db.read(readJob(this.#db, jobId))
    const record = recordOf(this.backend, jobId, row)
    remember(this.#versionOfJob, jobId, record.version)
    return record
  }

  /** Saves a definition in one step; undefined when that could not be and nothing was done. */
  async saveAtOnce(job: ScheduledJob, expected: string | undefined): Promise<StoredJob | undefined> {
    const known = readVersion(this.#versionOfJob.get(job.id))
    let row: ExpectedRow = 'any'
    if (expected === ABSENT) row = { token: null }
    else if (expected !== undefined) {
      if (known.revision !== expected) return undefined
      row = { token: known.jobToken }
    }
    const saved = await this.#db.saveJob(job, row)
    return saved && readRow(this.backend, `job ${job.id}`, () => storedJob(job, lastRunOf(saved)))
  }

  async write(jobId: string, write: JobWrite): Promise<boolean> {
    const read = readVersion(write.version)
    const { version: _, expectJob, ...changes } = write
    if (expectJob !== undefined && expectJob !== read.revision) return false
    const done = await this.#db.writeJob(jobId, {
      ...changes,
      stateVersion: read.stateVersion,
      ...(expectJob !== undefined && { jobToken: read.jobToken }),
    })
    if (done) for (const run of write.runs ?? []) remember(this.#jobOfRun, run.id, jobId)
    return done
  }

  async jobs(): Promise<JobList> {
    const { scheduled_jobs, job_states } = this.#db.dialect.tables
    const rows = await this.#db.read(
      sql`select ${jobColumns('j')}, s.last_run, s.last_error
        from ${scheduled_jobs} j left join ${job_states} s on s.job_id = j.id`,
    )
    const list = listOf(this.backend, rows)
    list.jobs.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
    return list
  }

  async states(): Promise<Map<string, JobState>> {
    return await this.#states(sql``)
  }

  /** States with a run that is open or undelivered. */
  async unsettledStates(): Promise<Map<string, JobState>> {
    return await this.#states(sql`where s.unsettled`)
  }

  async jobIds(): Promise<string[]> {
    const { job_states, job_runs } = this.#db.dialect.tables
    const rows = await this.#db.read(sql`select job_id from ${job_states} union select job_id from ${job_runs}`)
    return rows.map((row) => String(row.job_id))
  }

  async jobOf(runId: string): Promise<string | undefined> {
    const known = this.#jobOfRun.get(runId)
    if (known !== undefined) return known
    const [row] = await this.#db.read(sql`select job_id from ${this.#db.dialect.tables.job_runs} where id = ${runId}`)
    if (!row) return undefined
    remember(this.#jobOfRun, runId, String(row.job_id))
    return String(row.job_id)
  }

  async run(runId: string): Promise<JobRun | undefined> {
    const [row] = await this.#db.read(
      sql`select id, document from ${this.#db.dialect.tables.job_runs} where id = ${runId}`,
    )
    return row && this.#runOf(row)
  }

  async history({ jobId, limit }: { jobId?: string; limit: number }): Promise<JobRun[]> {
    const { tables, limit: limited } = this.#db.dialect
    const rows = await this.#db.read(
      sql`select id, document from ${tables.job_runs} ${jobId === undefined ? sql`` : sql`where job_id = ${jobId}`}
        order by scheduled_for desc, id desc ${limited(limit)}`,
    )
    return rows.map((row) => this.#runOf(row))
  }

  async prune(jobId: string, keep: number, except: ReadonlySet<string>): Promise<number> {
    const { tables, isOneOf } = this.#db.dialect
    const gone = await this.#db.write(
      sql`delete from ${tables.job_runs} where id in (
          select id from ${tables.job_runs} where job_id = ${jobId}
          order by scheduled_for desc, id desc limit 1000000 offset ${keep}
        ) and not ${isOneOf(sql`id`, [...except])} returning id`,
    )
    return gone.length
  }

  /** The definitions of these ids, for the watch. */
  async load(ids: readonly string[]): Promise<JobList> {
    const { tables, isOneOf } = this.#db.dialect
    const rows = await this.#db.read(
      sql`select ${jobColumns('j')}, s.last_run, s.last_error
        from ${tables.scheduled_jobs} j left join ${tables.job_states} s on s.job_id = j.id
        where ${isOneOf(sql`j.id`, ids)}`,
    )
    return listOf(this.backend, rows)
  }

  async #states(where: Statement): Promise<Map<string, JobState>> {
    const rows = await this.#db.read(
      sql`select s.job_id, ${stateColumns('s')} from ${this.#db.dialect.tables.job_states} s ${where}`,
    )
    const states = new Map<string, JobState>()
    for (const row of rows) {
      const id = String(row.job_id)
      const state = readRow(this.backend, `the scheduling state of job ${id}`, () => stateOf(row))
      if (state) states.set(id, state)
    }
    return states
  }

  #runOf(row: Row): JobRun {
    return readRow(this.backend, `run ${String(row.id)}`, () => runFromDocument(parseObject(textOf(row, 'document'))))
  }
}

function remember(memory: Map<string, string>, key: string, value: string): void {
  if (memory.size >= MAX_REMEMBERED) memory.clear()
  memory.set(key, value)
}

/** One job's definition, state and the clock: always one row. */
export function readJob({ dialect }: Pick<SqlDatabase, 'dialect'>, jobId: string): Statement {
  const { scheduled_jobs, job_states } = dialect.tables
  return sql`select ${dialect.now} as now, ${jobColumns('j')}, ${dialect.rowToken('j')} as job_token, ${stateColumns('s')}
    from (select 1 as one) o
    left join ${scheduled_jobs} j on j.id = ${jobId} left join ${job_states} s on s.job_id = ${jobId}`
}

/** Throws E_CORRUPT when the state cannot be read. */
export function recordOf(backend: SqlDatabase['backend'], jobId: string, row: Row): JobRecord & { version: string } {
  const { job, unreadable } = definitionOf(backend, jobId, row)
  const version: ReadVersion = {
    stateVersion: row.state_version === null ? undefined : textOf(row, 'state_version'),
    jobToken: row.id === null ? null : String(row.job_token),
    revision: job ? jobRevision(job) : unreadable ? 'unreadable' : 'absent',
  }
  const { state, now } = readRow(backend, `the scheduling state of job ${jobId}`, () => ({
    state: stateOf(row),
    now: timeOf(row, 'now'),
  }))
  return { job, ...(unreadable && { unreadable }), state, version: JSON.stringify(version), now }
}

function definitionOf(
  backend: SqlDatabase['backend'],
  jobId: string,
  row: Row,
): { job: ScheduledJob | undefined; unreadable?: StorageError } {
  try {
    return { job: row.id === null ? undefined : jobOf(row) }
  } catch (error) {
    return { job: undefined, unreadable: asCorrupt(backend, `job ${jobId}`, error) }
  }
}

/**
 * What a record was read as. The version of a record names its definition too, so that a write can ask in one
 * statement whether the definition still is what the revision was computed from.
 */
interface ReadVersion {
  stateVersion?: string | undefined
  jobToken: string | null
  revision: string
}

export function readVersion(version: string | undefined): ReadVersion {
  return version === undefined ? { jobToken: null, revision: 'absent' } : JSON.parse(version)
}

function lastRunOf(row: Row): Pick<JobState, 'lastRun' | 'lastError'> {
  const lastRun = optionalTimeOf(row, 'last_run')
  const lastError = row.last_error == null ? undefined : textOf(row, 'last_error')
  return { ...(lastRun && { lastRun }), ...(lastError !== undefined && { lastError }) }
}

function listOf(backend: SqlDatabase['backend'], rows: readonly Row[]): JobList {
  const jobs: StoredJob[] = []
  const unreadable: { id: string; error: StorageError }[] = []
  for (const row of rows) {
    const id = String(row.id)
    try {
      if (!isId(id)) throw new DocumentError('its id is not allowed')
      jobs.push(storedJob(jobOf(row), lastRunOf(row)))
    } catch (error) {
      unreadable.push({ id, error: asCorrupt(backend, `job ${id}`, error) })
    }
  }
  return { jobs, unreadable }
}
