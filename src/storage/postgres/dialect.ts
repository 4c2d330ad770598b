import { type Dialect, TABLES, type Table } from '#storage/sql/database.ts'
import { join, raw, type SqlValue, type Statement, sql } from '#storage/sql/statement.ts'

const tables = Object.fromEntries(TABLES.map((name) => [name, raw(`infer.${name}`)])) as Record<Table, Statement>

/** Everything stands in the schema `infer`, and every name is written with it: no search path is needed. */
export const POSTGRES_DIALECT: Dialect = {
  tables,
  now: raw('clock_timestamp()'),
  forUpdate: raw('for update'),
  cast: (value, type) => sql`${value}${raw(`::${type}`)}`,
  rowToken: (alias) => raw(`(${alias}.xmin::text || ${alias}.ctid::text)`),
  isOneOf: (column, texts) => sql`${column} = any(${texts}::text[])`,
  limit: (count) => sql`limit ${count > 0 ? count : null}`,
  insertRows: ({ into, columns, rows, end }) => {
    const names = raw(columns.map(([name]) => name).join(', '))
    const lists = columns.map(([, type], index) => {
      const texts = rows.map((row) => textOf(row[index]))
      return sql`${texts}${raw(`::text[]::${type}[]`)}`
    })
    return [
      sql`insert into ${into} (${names})
        select ${names} from unnest(${join(lists)}) with ordinality as given (${names}, ord) order by ord ${end}`,
    ]
  },
  insertEntries: (id, firstSeq, documents) => [
    sql`insert into ${tables.conversation_entries} (conversation_id, seq, document)
      ${entryRows(id, firstSeq, documents)}`,
  ],
}

/** Rows of entries from `firstSeq` on; `from` joins what they depend on. */
export function entryRows(id: string, firstSeq: number, documents: readonly string[], from = raw('')): Statement {
  return sql`select ${id}::text, ${firstSeq}::integer + ord::integer - 1, entry
    from ${from} unnest(${documents}::text[]) with ordinality as entries (entry, ord)`
}

/** A value as the text that its type reads. */
function textOf(value: SqlValue): string | null {
  const plain = postgresValue(value)
  return plain === null ? null : String(plain)
}

/** What pg sends. */
export function postgresValue(value: SqlValue): string | number | boolean | null | (string | null)[] {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? [...value] : value
}
