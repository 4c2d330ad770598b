import { type Dialect, TABLES, type Table } from '#storage/sql/database.ts'
import { join, raw, type SqlValue, Statement, sql } from '#storage/sql/statement.ts'

const tables = Object.fromEntries(TABLES.map((name) => [name, raw(`infer_${name}`)])) as Record<Table, Statement>

/** Tables stand beside those of others in one file, so each is prefixed; times are ISO 8601 text, flags 0 and 1. */
export const SQLITE_DIALECT: Dialect = {
  tables,
  now: raw(`strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`),
  forUpdate: raw(''),
  cast: (value) => sql`${value}`,
  rowToken: (alias) => raw(`${alias}.row_token`),
  isOneOf: (column, texts) => sql`${column} in (select value from json_each(${JSON.stringify(texts)}))`,
  limit: (count) => sql`limit ${count > 0 ? count : -1}`,
  insertRows: ({ into, columns, rows, end }) => {
    const names = raw(columns.map(([name]) => name).join(', '))
    // The text is the same for all.
    const { strings } = sql`insert into ${into} (${names}) values (${join(columns.map(() => sql`${null}`))}) ${end}`
    return rows.map((row) => new Statement(strings, row))
  },
  insertEntries: (id, firstSeq, documents) =>
    documents.map(
      (document, index) => sql`insert into ${tables.conversation_entries} (conversation_id, seq, document)
        values (${id}, ${firstSeq + index}, ${document})`,
    ),
}

/** What better-sqlite3 binds. */
export function sqliteValue(value: SqlValue): string | number | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : value
}
