import { StorageError } from '#storage/contract/errors.ts'
import { ABSENT, type SessionGroup, type SessionGroupStorage } from '#storage/contract/session-groups.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkGroup } from '#storage/rules/check-records.ts'
import { parseObject } from '#storage/rules/fields.ts'
import { groupFromDocument, groupToDocument } from '#storage/rules/group-document.ts'
import { storedGroup } from '#storage/rules/revision.ts'
import type { Row, SqlDatabase } from './database.ts'
import { readRow, textOf } from './rows.ts'
import { sql } from './statement.ts'

const MAX_ATTEMPTS = 50

export function sessionGroups(db: SqlDatabase): SessionGroupStorage {
  const { backend, dialect } = db
  const table = dialect.tables.session_groups

  const groupOf = (key: string, row: Row) =>
    readRow(backend, `session group ${key}`, () => storedGroup(groupFromDocument(parseObject(textOf(row, 'document')))))

  async function find(key: string): Promise<Row | undefined> {
    return (await db.read(sql`select document from ${table} where key = ${key}`))[0]
  }

  return {
    async get(key) {
      checkKey(backend, 'session group key', key)
      const row = await find(key)
      return row && groupOf(key, row)
    },

    async put(key, group, { expected } = {}) {
      checkGroup(backend, key, group)
      const { document, stored } = encode(group)
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        const row = await find(key)
        const before = row && groupOf(key, row)
        if (expected !== undefined && (before?.revision ?? ABSENT) !== expected) {
          throw new StorageError('E_CONFLICT', backend, `session group ${key} was changed meanwhile`)
        }
        const done = await db.write(
          row
            ? sql`update ${table} set document = ${document}
                where key = ${key} and document = ${String(row.document)} returning key`
            : sql`insert into ${table} (key, document) values (${key}, ${document})
                on conflict (key) do nothing returning key`,
        )
        if (done.length > 0) return stored
      }
      throw new StorageError('E_BUSY', backend, `session group ${key} is being changed all the time`, {
        hint: 'try again',
      })
    },

    async list() {
      const rows = await db.read(sql`select key, document from ${table} order by key`)
      return new Map(rows.map((row) => [String(row.key), groupOf(String(row.key), row)]))
    },
  }
}

function encode(group: SessionGroup) {
  const document = groupToDocument(group)
  return { document: JSON.stringify(document), stored: storedGroup(groupFromDocument(document)) }
}
