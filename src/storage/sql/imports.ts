import type { ImportRecord } from '#storage/contract/coordination.ts'
import type { JobState } from '#storage/contract/job-runs.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkImport } from '#storage/rules/check-records.ts'
import type { ImportLedger } from '#storage/rules/coordination.ts'
import { groupToDocument } from '#storage/rules/group-document.ts'
import { freshState } from '#storage/rules/run-transitions.ts'
import { appendSteps, entriesWrite } from './conversations.ts'
import type { Row, SqlDatabase, Steps } from './database.ts'
import { readJob, recordOf } from './job-records.ts'
import { insertJobs, putJob, putState, UNGUARDED } from './job-rows.ts'
import { insertPlans } from './plans.ts'
import { timeOf } from './rows.ts'
import { raw, type Statement, sql } from './statement.ts'

type Outcome = 'import' | 'already'

/** Records in one transaction: enough that the commit hardly counts, few enough that others get their turn. */
const BATCH = 1_000

const databases = new WeakMap<ImportLedger['import'], SqlDatabase>()

/** The database behind an `import`, for what reads tables of other programs that stand beside ours. */
export function databaseBehind({ import: take }: Pick<ImportLedger, 'import'>): SqlDatabase | undefined {
  return databases.get(take)
}

/** The ledger of imports, and the records that come with it. */
export function imports(db: SqlDatabase): ImportLedger {
  const { backend, dialect } = db
  const ledger = dialect.tables.imports
  const methods: ImportLedger = {
    async imported(source) {
      checkKey(backend, 'source', source)
      const rows = await db.read(sql`select key, outcome from ${ledger} where source = ${source}`)
      return new Map(rows.map((row) => [String(row.key), row.outcome as Outcome]))
    },

    async importSources() {
      const rows = await db.read(sql`select distinct source from ${ledger}`)
      return rows.map((row) => String(row.source)).sort()
    },

    async restoreImports(source, outcomes) {
      checkKey(backend, 'source', source)
      await db.transaction(function* (): Steps<void> {
        for (const [key, outcome] of outcomes) {
          yield sql`insert into ${ledger} (source, key, outcome) values (${source}, ${key}, ${outcome})
            on conflict (source, key) do nothing`
        }
      })
    },

    async import(source, records) {
      checkKey(backend, 'source', source)
      for (const record of records) checkImport(backend, record)
      const outcomes = new Map<string, Outcome>()
      for (let first = 0; first < records.length; first += BATCH) {
        const batch = records.slice(first, first + BATCH)
        const taken = await db.transaction(() => takeInAll(db, source, batch))
        for (const { key } of batch) outcomes.set(key, taken.has(key) ? 'import' : 'already')
      }
      return outcomes
    },
  }
  databases.set(methods.import, db)
  return methods
}

/** The keys of those that were written; every key of the batch is in the ledger then. */
function* takeInAll(db: SqlDatabase, source: string, records: readonly ImportRecord[]): Steps<Set<string>> {
  const { dialect } = db
  const ledger = dialect.tables.imports
  const keys = records.map(({ key }) => key)
  const noted = yield sql`insert into ${ledger} (source, key, outcome)
    select ${dialect.cast(source, 'text')}, given.text, 'import' from ${listed(db, keys)} order by given.number
    on conflict (source, key) do nothing returning key`
  const fresh = new Set(noted.map((row) => String(row.key)))
  // Of records with one key the first counts.
  const wanted = records.filter(({ key }) => fresh.delete(key))
  const taken = new Set<string>()
  for (const kind of KINDS) {
    const some = wanted.filter((record) => record.kind === kind)
    if (some.length > 0) for (const key of yield* takeInKind(db, some)) taken.add(key)
  }
  const left = wanted.flatMap(({ key }) => (taken.has(key) ? [] : [key]))
  if (left.length > 0) {
    const passed = dialect.isOneOf(sql`key`, left)
    yield sql`update ${ledger} set outcome = 'already' where source = ${source} and ${passed}`
  }
  return taken
}

/**
 * Texts as rows of `given (text, number)`, as one parameter: on SQLite many rows come in by one statement in half the
 * time that one for each takes. The text of the statement is the same however many there are.
 */
function listed({ backend }: SqlDatabase, texts: readonly string[]): Statement {
  if (backend === 'postgres') return sql`unnest(${texts}::text[]) with ordinality as given (text, number)`
  return sql`(select value as text, key as number from json_each(${JSON.stringify(texts)})) as given`
}

const KINDS: readonly ImportRecord['kind'][] = ['job', 'plan', 'history', 'conversation', 'session_group']

/** Writes records of one kind; the keys of those whose id was free. */
function* takeInKind(db: SqlDatabase, records: readonly ImportRecord[]): Steps<string[]> {
  const { dialect } = db
  const { tables } = dialect
  switch (records[0]?.kind) {
    case 'history': {
      const commands = records.flatMap((record) => (record.kind === 'history' ? [record.command] : []))
      yield sql`insert into ${tables.shell_history} (command)
        select given.text from ${listed(db, commands)} order by given.number`
      return records.map(({ key }) => key)
    }
    case 'plan': {
      const plans = firstOf(records, (record) => (record.kind === 'plan' ? record.plan : undefined))
      const rows = yield* all(
        insertPlans(
          dialect,
          [...plans.values()].map(({ value }) => value),
        ),
      )
      return rows.flatMap((row) => plans.get(String(row.id))?.key ?? [])
    }
    case 'session_group': {
      const groups = firstOf(records, (record) =>
        record.kind === 'session_group' ? { id: record.groupKey, group: record.group } : undefined,
      )
      const rows = yield* all(
        dialect.insertRows({
          into: tables.session_groups,
          columns: [
            ['key', 'text'],
            ['document', 'text'],
          ],
          rows: [...groups].map(([key, { value }]) => [key, JSON.stringify(groupToDocument(value.group))]),
          end: raw('on conflict (key) do nothing returning key'),
        }),
      )
      return rows.flatMap((row) => groups.get(String(row.key))?.key ?? [])
    }
    case 'conversation': {
      const keys: string[] = []
      for (const record of records) {
        if (record.kind === 'conversation' && (yield* takeInConversation(db, record.conversation)))
          keys.push(record.key)
      }
      return keys
    }
    case 'job':
      return yield* takeInJobs(db, records)
    default:
      return []
  }
}

function* takeInConversation(
  db: SqlDatabase,
  { metadata, entries }: Extract<ImportRecord, { kind: 'conversation' }>['conversation'],
): Steps<boolean> {
  const { dialect } = db
  const known = yield sql`select id from ${dialect.tables.conversations} where id = ${metadata.id}`
  if (known.length > 0) return false
  return yield* appendSteps(dialect, entriesWrite(db, metadata.id, { expectedLength: 0, entries, metadata }))
}

/** Jobs with their states. A state that is left of a former job keeps its runs, and is written on its own. */
function* takeInJobs(db: SqlDatabase, records: readonly ImportRecord[]): Steps<string[]> {
  const { dialect } = db
  const { job_states, scheduled_jobs } = dialect.tables
  const jobs = firstOf(records, (record) => (record.kind === 'job' ? { id: record.job.id, record } : undefined))
  const ids = [...jobs.keys()]
  const standing = yield sql`select id from ${scheduled_jobs} where ${dialect.isOneOf(sql`id`, ids)}`
  for (const row of standing) jobs.delete(String(row.id))
  const former = yield sql`select job_id from ${job_states} where ${dialect.isOneOf(sql`job_id`, ids)}
    order by job_id ${dialect.forUpdate}`
  const written: string[] = []
  for (const row of former) {
    const id = String(row.job_id)
    const known = jobs.get(id)
    jobs.delete(id)
    if (known) written.push(...(yield* takeInFormerJob(db, known.value.record)))
  }
  if (jobs.size === 0) return written
  const [clock = {}] = yield sql`select ${dialect.now} as now`
  const now = timeOf(clock, 'now')
  const fresh = [...jobs.values()].map(({ value: { record } }) => ({
    job: record.job,
    state: importedState(record, now),
  }))
  yield* all(insertJobs(dialect, fresh))
  return [...written, ...[...jobs.values()].map(({ key }) => key)]
}

function* takeInFormerJob(db: SqlDatabase, record: JobRecord): Steps<string[]> {
  const { job, key } = record
  const [row = {}] = yield readJob(db, job.id)
  if (row.id !== null) return []
  const stored = recordOf(db.backend, job.id, row)
  const state = importedState(record, stored.now, stored.state)
  yield putState(db.dialect, job.id, state, UNGUARDED, stored.state === undefined)
  yield putJob(db.dialect, job, UNGUARDED, true)
  return [key]
}

type JobRecord = Extract<ImportRecord, { kind: 'job' }>

function importedState({ job, lastRun, lastError }: JobRecord, now: Date, former?: JobState): JobState {
  return {
    ...freshState(job, now, former),
    ...(lastRun && { lastRun }),
    ...(lastError !== undefined && { lastError }),
  }
}

/** By id, the first record of each with its key. */
function firstOf<T extends { id: string }>(
  records: readonly ImportRecord[],
  read: (record: ImportRecord) => T | undefined,
): Map<string, { key: string; value: T }> {
  const first = new Map<string, { key: string; value: T }>()
  for (const record of records) {
    const value = read(record)
    if (value && !first.has(value.id)) first.set(value.id, { key: record.key, value })
  }
  return first
}

/** Runs the statements; the rows of all. */
function* all(statements: readonly Statement[]): Steps<Row[]> {
  const rows: Row[] = []
  for (const statement of statements) for (const row of yield statement) rows.push(row)
  return rows
}
