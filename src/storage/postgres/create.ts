import type { EntriesWrite, Steps } from '#storage/sql/database.ts'
import { sql } from '#storage/sql/statement.ts'
import { POSTGRES_DIALECT } from './dialect.ts'

/** `createConversations` in three statements, however many there are. Gives the ids that were free. */
export function* createConversationsSteps(given: readonly EntriesWrite[]): Steps<Set<string>> {
  const { conversations, conversation_entries } = POSTGRES_DIALECT.tables
  // One order for all, so that two copies wait for each other and do not deadlock.
  const writes = given.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const rows = yield sql`insert into ${conversations} (id, entry_count, updated_at, title_generated, document)
    select id, entry_count::integer, updated_at::timestamptz, title_generated::boolean, document
    from unnest(${writes.map(({ id }) => id)}::text[], ${writes.map(({ documents }) => String(documents.length))}::text[],
      ${writes.map(({ updatedAt }) => updatedAt.toISOString())}::text[],
      ${writes.map(({ titleGenerated }) => String(titleGenerated))}::text[],
      ${writes.map(({ metadata }) => metadata)}::text[])
      as c (id, entry_count, updated_at, title_generated, document)
    on conflict (id) do nothing returning id`
  const created = new Set(rows.map((row) => String(row.id)))
  // What a hand left behind that deleted only the conversation's row.
  yield sql`delete from ${conversation_entries} where conversation_id = any(${[...created]}::text[])`
  const entries = writes
    .filter(({ id }) => created.has(id))
    .flatMap(({ id, documents }) => documents.map((document, seq) => ({ id, seq: String(seq), document })))
  yield sql`insert into ${conversation_entries} (conversation_id, seq, document)
    select conversation_id, seq::integer, document
    from unnest(${entries.map(({ id }) => id)}::text[], ${entries.map(({ seq }) => seq)}::text[],
      ${entries.map(({ document }) => document)}::text[]) as e (conversation_id, seq, document)`
  return created
}
