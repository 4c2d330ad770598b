import { join, raw, type Statement, sql } from '#storage/sql/statement.ts'
import type { GoData, GoItem } from './adopt-data.ts'
import type { ArtifactKind } from './import-report.ts'

export type GoRow = Readonly<Record<string, unknown>>

/** Reads the rows of one table. */
export type Items = (reader: GoReader, table: Statement) => AsyncIterable<GoItem>

/** What reads one database. */
export interface GoReader extends AsyncDisposable {
  /** Before the names of tables, such as `public.`. */
  readonly prefix: string
  read(statement: Statement): Promise<readonly GoRow[]>
  /** Columns of each of these tables that exists. */
  columns(tables: readonly string[]): Promise<Map<string, Set<string>>>
}

/** The tables of the Go CLI with the columns by which they are known; others may have tables of these names too. */
const TABLES: Readonly<Record<string, { kind: ArtifactKind; columns: readonly string[]; latest: string }>> = {
  conversations: {
    kind: 'conversation',
    columns: 'id title count messages cost_stats models tags title_generated created_at updated_at'.split(' '),
    latest: 'updated_at',
  },
  session_groups: {
    kind: 'session_group',
    columns: 'group_key current_session_id history last_rollover updated_at'.split(' '),
    latest: 'updated_at',
  },
  plans: { kind: 'plan', columns: ['id', 'title', 'body', 'created_at'], latest: 'created_at' },
  shell_history: { kind: 'history', columns: ['id', 'command', 'created_at'], latest: 'id' },
  scheduled_jobs: {
    kind: 'schedule',
    columns: 'id cron_expression prompt channel recipient_id model run_once created_at updated_at'.split(' '),
    latest: 'updated_at',
  },
}
const LEDGER = 'schema_migrations'

/** The tables of the Go CLI behind a reader. */
export function goTables(reader: GoReader): GoData {
  const found: string[] = []
  const table = (name: string) => raw(reader.prefix + name)
  return {
    async state() {
      const columns = await reader.columns([LEDGER, ...Object.keys(TABLES)])
      if (!['version', 'description', 'applied_at'].every((name) => columns.get(LEDGER)?.has(name))) return undefined
      for (const [name, { columns: known }] of Object.entries(TABLES)) {
        if (known.every((column) => columns.get(name)?.has(column))) found.push(name)
      }
      if (found.length === 0) return undefined
      const counts = found.map(
        (name) => sql`select ${raw(`'${name}'`)} as name, count(*) as number,
          cast(max(${raw(TABLES[name]?.latest ?? 'id')}) as text) as latest from ${table(name)}`,
      )
      const rows = await reader.read(join(counts, ' union all '))
      return rows.map(({ name, number, latest }) => `${name} ${number} ${latest}`).join('\n')
    },
    async domains() {
      const { ITEMS } = await import('./adopt-sql-items.ts')
      return found.map((name) => ({
        kind: TABLES[name]?.kind ?? 'plan',
        place: `table ${reader.prefix}${name}`,
        items: (ITEMS[name] as Items)(reader, table(name)),
      }))
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}

/** Columns by table, from rows of `table` and `column`. */
export function columnsOf(rows: readonly GoRow[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const { table, column } of rows) {
    const columns = found.get(String(table)) ?? new Set()
    found.set(String(table), columns.add(String(column)))
  }
  return found
}
