import { randomUUID } from 'node:crypto'
import type { JsonObject } from '#storage/contract/json.ts'
import type { Documents } from '#storage/rules/documents.ts'
import { parseObject } from '#storage/rules/fields.ts'
import type { Row, SqlDatabase } from './database.ts'
import { readRow, textOf, timeOf } from './rows.ts'
import { sql } from './statement.ts'

/** The last character there is: every text that begins with a prefix sorts before the prefix and this. */
const LAST = '\u{10ffff}'

/** Coordination documents in rows. */
export function documents(db: SqlDatabase): Documents {
  const { backend, dialect } = db
  const table = dialect.tables.coordination
  const objectOf = (key: string, row: Row): JsonObject => readRow(backend, key, () => parseObject(textOf(row, 'value')))

  return {
    backend,
    now: () => storeNow(db),
    async get(key) {
      const [row] = await db.read(sql`select version, value from ${table} where key = ${key}`)
      return row && { value: objectOf(key, row), version: String(row.version) }
    },
    async put(key, version, value) {
      const next = randomUUID()
      if (value === null) {
        if (version === undefined) return (await db.read(sql`select key from ${table} where key = ${key}`)).length === 0
        const gone = await db.write(sql`delete from ${table} where key = ${key} and version = ${version} returning key`)
        return gone.length > 0
      }
      const done = await db.write(
        version === undefined
          ? sql`insert into ${table} (key, version, value) values (${key}, ${next}, ${JSON.stringify(value)})
              on conflict (key) do nothing returning key`
          : sql`update ${table} set version = ${next}, value = ${JSON.stringify(value)}
              where key = ${key} and version = ${version} returning key`,
      )
      return done.length > 0
    },
    async list(prefix) {
      const rows = await db.read(
        sql`select key, value from ${table} where key >= ${prefix} and key < ${prefix + LAST} order by key`,
      )
      return new Map(rows.map((row) => [String(row.key), objectOf(String(row.key), row)]))
    },
  }
}

/** The store's clock. */
export async function storeNow(db: SqlDatabase): Promise<Date> {
  const [row] = await db.read(sql`select ${db.dialect.now} as now`)
  return timeOf(row ?? {}, 'now')
}
