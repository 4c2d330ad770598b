import type { Damage, DomainName } from '#storage/contract/damage.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { isId } from '#storage/rules/check.ts'
import { metadataFromDocument } from '#storage/rules/conversation-document.ts'
import { DocumentError, parseObject } from '#storage/rules/fields.ts'
import { groupFromDocument } from '#storage/rules/group-document.ts'
import { runFromDocument } from '#storage/rules/run-document.ts'
import { conversations } from './conversations.ts'
import type { Row, SqlDatabase } from './database.ts'
import { SqlJobRecords } from './job-records.ts'
import { stateColumns, stateOf } from './job-rows.ts'
import { plans } from './plans.ts'
import { textOf, timeOf } from './rows.ts'
import { raw, type Statement, sql } from './statement.ts'

const PAGE = 500

/** What the tables hold that is not as this program writes it. */
export async function examineTables(db: SqlDatabase): Promise<Damage[]> {
  const { tables } = db.dialect
  const lists = [
    ...(await new SqlJobRecords(db).jobs()).unreadable.map((one) => told('scheduled_jobs', one.id, one.error)),
    ...(await plans(db).list()).unreadable.map((one) => told('plans', one.id, one.error)),
  ]
  return [
    ...lists,
    ...(await examineConversations(db)),
    ...(await examineStates(db)),
    ...(await examineRuns(db)),
    ...(await examineRows(db, 'session_groups', sql`select key as id, document from ${tables.session_groups}`, (row) =>
      groupFromDocument(parseObject(textOf(row, 'document'))),
    )),
    ...(await examineRows(db, 'plans', sql`select id from ${tables.plans}`, (row) => {
      if (!isId(String(row.id))) throw new DocumentError('its id is not allowed')
    })),
    ...(await examineRows(db, 'coordination', sql`select key as id, value from ${tables.coordination}`, (row) =>
      parseObject(textOf(row, 'value')),
    )),
    ...(await examineRows(db, 'imports', sql`select distinct source as id, outcome from ${tables.imports}`, (row) => {
      if (row.outcome !== 'import' && row.outcome !== 'already') throw new DocumentError('its outcome is not known')
    })),
  ]
}

async function examineConversations(db: SqlDatabase): Promise<Damage[]> {
  const { conversations: table, conversation_entries: entries } = db.dialect.tables
  const damage: Damage[] = []
  const store = conversations(db)
  for await (const row of paged(db, table, 'id, updated_at, title_generated, document')) {
    const id = String(row.id)
    try {
      await store.load(id)
      checkColumns(row)
    } catch (error) {
      damage.push(wrong('conversations', id, error, `correct the row of ${id} in ${table.text(String)}`))
    }
  }
  const orphans = await db.read(
    sql`select distinct conversation_id as id from ${entries} e
      where not exists (select 1 from ${table} c where c.id = e.conversation_id) order by conversation_id`,
  )
  for (const row of orphans) {
    const id = String(row.id)
    const cure = `delete from ${entries.text(String)} where conversation_id = '${id}'`
    damage.push({ domain: 'conversations', id, problem: 'its entries are there, the conversation is not', cure })
  }
  return damage
}

/** The columns by which lists are ordered and chosen say what the document says. */
function checkColumns(row: Row): void {
  const metadata = metadataFromDocument(parseObject(textOf(row, 'document')))
  if (timeOf(row, 'updated_at').getTime() !== metadata.updatedAt.getTime()) {
    throw new DocumentError('the column updated_at says another time than the document')
  }
  if (Boolean(row.title_generated) !== metadata.titleGenerated) {
    throw new DocumentError('the column title_generated does not say what the document says')
  }
}

async function examineStates(db: SqlDatabase): Promise<Damage[]> {
  const { job_states, job_runs } = db.dialect.tables
  const damage: Damage[] = []
  const rows = await db.read(sql`select s.job_id as id, ${stateColumns('s')} from ${job_states} s order by s.job_id`)
  for (const row of rows) {
    const id = String(row.id)
    try {
      const runs = stateOf(row)?.runs.map((run) => run.id) ?? []
      if (runs.length === 0) continue
      const known = await db.read(sql`select id from ${job_runs} where ${db.dialect.isOneOf(sql`id`, runs)}`)
      const stored = new Set(known.map((run) => String(run.id)))
      for (const run of runs.filter((one) => !stored.has(one))) {
        const problem = `the scheduling state of job ${id} names this run, which is not stored`
        damage.push({ domain: 'job_runs', id: run, problem, cure: 'it is stored again when it ends or is reaped' })
      }
    } catch (error) {
      damage.push(wrong('job_states', id, error, `correct or delete the row of ${id} in ${job_states.text(String)}`))
    }
  }
  return damage
}

async function examineRuns(db: SqlDatabase): Promise<Damage[]> {
  const { job_runs: table } = db.dialect.tables
  const damage: Damage[] = []
  for await (const row of paged(db, table, 'id, job_id, scheduled_for, document')) {
    const id = String(row.id)
    try {
      const run = runFromDocument(parseObject(textOf(row, 'document')))
      const same = run.id === id && run.jobId === row.job_id
      if (!same || timeOf(row, 'scheduled_for').getTime() !== run.scheduledFor.getTime()) {
        throw new DocumentError('its columns do not say what its document says')
      }
    } catch (error) {
      damage.push(wrong('job_runs', id, error, `correct or delete the row of ${id} in ${table.text(String)}`))
    }
  }
  return damage
}

async function examineRows(
  db: SqlDatabase,
  domain: DomainName,
  select: Statement,
  check: (row: Row) => unknown,
): Promise<Damage[]> {
  const damage: Damage[] = []
  for (const row of await db.read(select)) {
    try {
      check(row)
    } catch (error) {
      damage.push(wrong(domain, String(row.id), error, `correct or delete its row in ${domain}`))
    }
  }
  return damage
}

/** Rows by id, so many at a time that memory stays flat. */
async function* paged(db: SqlDatabase, table: Statement, columns: string): AsyncGenerator<Row> {
  for (let after: string | undefined; ; ) {
    const from = after === undefined ? sql`` : sql`where id > ${after}`
    const rows: Row[] = await db.read(sql`select ${raw(columns)} from ${table} ${from} order by id limit ${PAGE}`)
    yield* rows
    if (rows.length < PAGE) return
    after = String(rows.at(-1)?.id)
  }
}

function wrong(domain: DomainName, id: string, error: unknown, cure: string): Damage {
  if (error instanceof StorageError) {
    if (error.code !== 'E_CORRUPT') throw error
    return { domain, id, problem: error.message, cure }
  }
  if (!(error instanceof DocumentError)) throw error
  return { domain, id, problem: error.message, cure }
}

function told(domain: DomainName, id: string, error: StorageError): Damage {
  return { domain, id, problem: error.message, cure: error.hint ?? 'correct or delete the row by hand' }
}
