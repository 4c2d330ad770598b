import type { StorageOptions } from '#storage/options.ts'
import { checkImport } from '#storage/rules/check-records.ts'
import { importedId } from '#storage/rules/import-record.ts'
import { checkVersion } from '#storage/sql/migrations.ts'
import { raw, type Statement, sql } from '#storage/sql/statement.ts'
import type { GoReader } from './adopt-sql.ts'
import type { ImportTarget } from './import-records.ts'

type Outcome = 'import' | 'already'
export type RecordKind = 'job' | 'plan' | 'conversation' | 'session_group'

/** What a backend holds as far as an import asks for it, read without a change to a table, file or key. */
export interface StoredRecords extends AsyncDisposable {
  /** Version of the schema that is stored, 0 for none, and the one that this release makes of it. */
  readonly schema: { readonly from: number; readonly to: number }
  /** How many records of each source were dealt with. */
  ledger(): Promise<{ source: string; records: number }[]>
  imported(source: string): Promise<Map<string, Outcome>>
  ids(kind: RecordKind): Promise<ReadonlySet<string>>
  /** Every command, oldest first. */
  history(): Promise<readonly string[]>
}

/** An import target that only says what the stores would do. */
export interface ImportView
  extends ImportTarget,
    AsyncDisposable,
    Pick<StoredRecords, 'schema' | 'ledger' | 'history'> {}

/** Throws E_SCHEMA_NEWER and what the connection throws. */
export async function openView(storage: StorageOptions): Promise<ImportView> {
  const records = await openRecords(storage)
  const ids = new Map<RecordKind, Set<string>>()
  const idsOf = async (kind: RecordKind) => {
    const known = ids.get(kind) ?? new Set(await records.ids(kind))
    ids.set(kind, known)
    return known
  }
  return {
    schema: records.schema,
    ledger: () => records.ledger(),
    imported: (source) => records.imported(source),
    history: () => records.history(),
    async import(source, given) {
      for (const record of given) checkImport(storage.type, record)
      const ledger = await records.imported(source)
      const outcomes = new Map<string, Outcome>()
      for (const record of given) {
        const free = record.kind === 'history' || (record.kind !== 'seen' && isFree(await idsOf(record.kind), record))
        outcomes.set(record.key, free && !ledger.has(record.key) ? 'import' : 'already')
      }
      return outcomes
    },
    [Symbol.asyncDispose]: () => records[Symbol.asyncDispose](),
  }
}

type Named = Extract<Parameters<ImportTarget['import']>[1][number], { kind: RecordKind }>

function isFree(ids: Set<string>, record: Named): boolean {
  const id = importedId(record)
  if (ids.has(id)) return false
  ids.add(id)
  return true
}

const NOTHING = {
  ledger: async () => [],
  imported: async () => new Map<string, Outcome>(),
  ids: async () => new Set<string>(),
  history: async () => [],
  [Symbol.asyncDispose]: async () => {},
}

async function openRecords(storage: StorageOptions): Promise<StoredRecords> {
  switch (storage.type) {
    case 'memory':
      return { ...NOTHING, schema: { from: 1, to: 1 } }
    case 'jsonl':
      return await (await import('./import-view-files.ts')).filesView(storage)
    case 'redis':
      return await (await import('./import-view-redis.ts')).redisView(storage)
    case 'sqlite': {
      const { SQLITE_SCHEMA: schema } = await import('#storage/sqlite/schema.ts')
      const { SQLITE_DIALECT: dialect } = await import('#storage/sqlite/dialect.ts')
      const reader = (await import('./adopt-sqlite.ts')).readSqlite(storage.path, { untouched: true })
      if (!reader) return { ...NOTHING, schema: { from: 0, to: latest(schema) } }
      const known = sql`select 1 from sqlite_master where name = 'infer_migrations'`
      return await sqlView(reader, { tables: dialect.tables, known, schema, where: storage.path })
    }
    case 'postgres': {
      const { POSTGRES_SCHEMA: schema } = await import('#storage/postgres/schema.ts')
      const { POSTGRES_DIALECT: dialect } = await import('#storage/postgres/dialect.ts')
      const { targetOf } = await import('#storage/postgres/target.ts')
      const reader = await (await import('./adopt-postgres.ts')).readPostgres(storage)
      const known = sql`select 1 where to_regclass('infer.migrations') is not null`
      return await sqlView(reader, { tables: dialect.tables, known, schema, where: targetOf(storage).location })
    }
  }
}

type Tables = Readonly<
  Record<
    'migrations' | 'imports' | 'scheduled_jobs' | 'plans' | 'conversations' | 'session_groups' | 'shell_history',
    Statement
  >
>

interface SqlPlace {
  readonly tables: Tables
  /** Has a row when there are tables of ours. */
  readonly known: Statement
  readonly schema: Parameters<typeof checkVersion>[3]
  readonly where: string
}

async function sqlView(reader: GoReader, { tables, known, schema, where }: SqlPlace): Promise<StoredRecords> {
  const close = () => reader[Symbol.asyncDispose]()
  try {
    const to = latest(schema)
    if ((await reader.read(known)).length === 0)
      return { ...NOTHING, schema: { from: 0, to }, [Symbol.asyncDispose]: close }
    const [row] = await reader.read(sql`select max(version) as version from ${tables.migrations}`)
    const from = Number(row?.version ?? 0)
    checkVersion(reader.prefix === '' ? 'sqlite' : 'postgres', where, from, schema)
    const texts = async (statement: Statement) => new Set((await reader.read(statement)).map(({ id }) => String(id)))
    return {
      schema: { from, to },
      async ledger() {
        const rows = await reader.read(
          sql`select source, count(*) as records from ${tables.imports} group by source order by source`,
        )
        return rows.map(({ source, records }) => ({ source: String(source), records: Number(records) }))
      },
      async imported(source) {
        const rows = await reader.read(sql`select key, outcome from ${tables.imports} where source = ${source}`)
        return new Map(rows.map(({ key, outcome }) => [String(key), outcome as Outcome]))
      },
      async history() {
        const rows = await reader.read(sql`select command from ${tables.shell_history} order by id`)
        return rows.map(({ command }) => String(command))
      },
      ids: (kind) => texts(sql`select ${raw(COLUMN[kind])} as id from ${tables[TABLE[kind]]}`),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const TABLE = {
  job: 'scheduled_jobs',
  plan: 'plans',
  conversation: 'conversations',
  session_group: 'session_groups',
} as const
const COLUMN = { job: 'id', plan: 'id', conversation: 'id', session_group: 'key' } as const

function latest({ migrations }: SqlPlace['schema']): number {
  return migrations.at(-1)?.version ?? 0
}
