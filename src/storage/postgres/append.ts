import type { EntriesWrite } from '#storage/sql/database.ts'
import { raw, type Statement, sql } from '#storage/sql/statement.ts'
import { entryRows, POSTGRES_DIALECT } from './dialect.ts'

/**
 * `appendEntries` in one statement: the conversation's row changes only from the expected length, and the entries
 * follow from it. Gives one row with `ok` 1 or 0.
 */
export function appendStatement(write: EntriesWrite): Statement {
  const { id, expectedLength, documents, updatedAt, titleGenerated, metadata } = write
  const { conversations, conversation_entries } = POSTGRES_DIALECT.tables
  const length = expectedLength + documents.length
  const changed =
    expectedLength === 0
      ? sql`insert into ${conversations} as c (id, entry_count, updated_at, title_generated, document)
          values (${id}, ${length}, ${updatedAt}, ${titleGenerated}, ${metadata})
          on conflict (id) do update set entry_count = excluded.entry_count, updated_at = excluded.updated_at,
            title_generated = excluded.title_generated, document = excluded.document
            where c.entry_count = 0
          returning id`
      : sql`update ${conversations} set entry_count = ${length}, updated_at = ${updatedAt},
            title_generated = ${titleGenerated}, document = ${metadata}
          where id = ${id} and entry_count = ${expectedLength} returning id`
  return sql`with changed as (${changed}),
    added as (insert into ${conversation_entries} (conversation_id, seq, document)
      ${entryRows(id, expectedLength, documents, raw('changed,'))})
    select count(*)::integer as ok from changed`
}
