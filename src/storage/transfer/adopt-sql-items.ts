import type { JsonObject } from '#storage/contract/json.ts'
import { type Statement, sql } from '#storage/sql/statement.ts'
import { versionOf } from './adopt-data.ts'
import {
  conversationRecord,
  documentOfRow,
  groupRecord,
  jobRecord,
  metadataOfRow,
  parseList,
  planRecord,
  textOf,
} from './adopt-items.ts'
import type { GoReader, GoRow, Items } from './adopt-sql.ts'

const PAGE = 500

/** By the name of the table. */
export const ITEMS: Readonly<Record<string, Items>> = {
  async *conversations(reader, table) {
    for (const { id, count, updated_at } of await reader.read(
      sql`select id, count, cast(updated_at as text) as updated_at from ${table} order by id`,
    )) {
      const load = async () => {
        const [row = {}] = await reader.read(sql`select * from ${table} where id = ${textOf(id)}`)
        return conversationRecord(textOf(id), metadataOfRow(row), textOf(row.messages))
      }
      yield { id: textOf(id), version: versionOf(Number(count), updated_at), load }
    }
  },

  async *session_groups(reader, table) {
    for (const row of await reader.read(sql`select * from ${table} order by group_key`)) {
      const { group_key, ...rest } = row
      const key = textOf(group_key)
      const load = async () => {
        const doc: JsonObject = documentOfRow(rest)
        return groupRecord(key, { ...doc, history: parseList('history', textOf(rest.history) || '[]') })
      }
      yield { id: key, version: versionOf(documentOfRow(rest)), load }
    }
  },

  async *plans(reader, table) {
    for await (const row of pages(reader, table, '')) {
      const doc = documentOfRow(row)
      yield { id: textOf(row.id), version: versionOf(doc), load: async () => planRecord(doc) }
    }
  },

  async *shell_history(reader, table) {
    for await (const { id, command } of pages(reader, table, -1)) {
      const load = async () => ({ kind: 'history', command: textOf(command) }) as const
      yield { id: textOf(id), version: '', load }
    }
  },

  async *scheduled_jobs(reader, table) {
    for (const row of await reader.read(sql`select * from ${table} order by id`)) {
      const doc = documentOfRow(row, ['run_once'])
      const { last_run: _, last_error: __, ...definition } = doc
      yield { id: textOf(row.id), version: versionOf(definition), load: async () => jobRecord(doc) }
    }
  },
}

/** All rows by id, some at a time. */
async function* pages(reader: GoReader, table: Statement, before: string | number): AsyncGenerator<GoRow> {
  for (let last: string | number = before; ; ) {
    const rows = await reader.read(sql`select * from ${table} where id > ${last} order by id limit ${PAGE}`)
    yield* rows
    const id = rows.at(-1)?.id
    if (rows.length < PAGE || id === undefined) return
    last = typeof before === 'number' ? Number(id) : textOf(id)
  }
}
