import type {
  Conversation,
  ConversationDetails,
  ConversationEntry,
  ConversationMetadata,
  ConversationStorage,
  ConversationWrite,
} from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { checkId } from '#storage/rules/check.ts'
import { checkConversation } from '#storage/rules/check-records.ts'
import { metadataFromDocument, metadataToDocument } from '#storage/rules/conversation-document.ts'
import { parseObject } from '#storage/rules/fields.ts'
import type { Dialect, EntriesWrite, Row, SqlDatabase, Steps } from './database.ts'
import { asCorrupt, readRow, textOf } from './rows.ts'
import { sql } from './statement.ts'

const MAX_ATTEMPTS = 50

export function conversations(db: SqlDatabase): ConversationStorage {
  const { backend, dialect } = db
  const { tables } = dialect
  const missing = (id: string) => new StorageError('E_NOT_FOUND', backend, `there is no conversation ${id}`)

  async function conflict(id: string, expected: number): Promise<StorageError> {
    const [row] = await db.read(sql`select entry_count from ${tables.conversations} where id = ${id}`)
    const message = `conversation ${id} has ${Number(row?.entry_count ?? 0)} entries, not ${expected}: somebody else changed it`
    return new StorageError('E_CONFLICT', backend, message)
  }

  return {
    async append(id, write) {
      const rows = entriesWrite(db, id, write)
      if (await db.appendEntries(rows)) return
      const from = write.expectedLength
      const standing = await db.read(
        sql`select document from ${tables.conversation_entries}
          where conversation_id = ${id} and seq >= ${from} order by seq limit ${rows.documents.length + 1}`,
      )
      const same = standing.length === rows.documents.length && rows.documents.length > 0
      if (same && standing.every((row, index) => row.document === rows.documents[index])) return
      throw await conflict(id, from)
    },

    async replace(id, write) {
      const rows = entriesWrite(db, id, write)
      if (!(await db.transaction(() => replaceSteps(dialect, rows)))) throw await conflict(id, write.expectedLength)
    },

    async createAll(given) {
      const writes = given.map(({ metadata, entries }) =>
        entriesWrite(db, metadata.id, { expectedLength: 0, entries, metadata }),
      )
      return writes.length === 0 ? new Set() : await db.createConversations(writes)
    },

    async load(id) {
      checkId(backend, 'conversation', id)
      const [head, ...entries] = await db.read(
        sql`select -1 as seq, entry_count, document from ${tables.conversations} where id = ${id}
          union all select seq, null, document from ${tables.conversation_entries} where conversation_id = ${id}
          order by seq`,
      )
      if (head?.seq !== -1) throw missing(id)
      return readRow(backend, `conversation ${id}`, () => conversationOf(db, id, head, entries))
    },

    async list({ limit, offset }) {
      const rows = await db.read(
        sql`select id, entry_count, document from ${tables.conversations}
          order by updated_at desc, id desc ${dialect.limit(limit)} offset ${Math.max(0, offset)}`,
      )
      const found: ConversationMetadata[] = []
      const unreadable: { id: string; error: StorageError }[] = []
      for (const row of rows) {
        const id = String(row.id)
        try {
          found.push(metadataOf(id, row))
        } catch (error) {
          unreadable.push({ id, error: asCorrupt(backend, `conversation ${id}`, error) })
        }
      }
      return { conversations: found, unreadable }
    },

    async updateMetadata(id, patch) {
      checkId(backend, 'conversation', id)
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        const [row] = await db.read(sql`select id, entry_count, document from ${tables.conversations} where id = ${id}`)
        if (!row) throw missing(id)
        const details = { ...readRow(backend, `conversation ${id}`, () => metadataOf(id, row)), ...patch }
        checkConversation(backend, id, details)
        const changed = await db.write(
          sql`update ${tables.conversations} set ${describe(dialect, describedBy(id, details))}
            where id = ${id} and document = ${String(row.document)} returning id`,
        )
        if (changed.length > 0) return
      }
      throw new StorageError('E_BUSY', backend, `conversation ${id} is being changed all the time`, {
        hint: 'try again',
      })
    },

    async delete(id) {
      checkId(backend, 'conversation', id)
      const gone = await db.transaction(function* (): Steps<boolean> {
        const rows = yield sql`delete from ${tables.conversations} where id = ${id} returning id`
        yield sql`delete from ${tables.conversation_entries} where conversation_id = ${id}`
        return rows.length > 0
      })
      if (!gone) throw missing(id)
    },

    async listNeedingTitles(limit) {
      const rows = await db.read(
        sql`select id, entry_count, document from ${tables.conversations}
          where not title_generated and entry_count > 0
          order by updated_at desc, id desc ${dialect.limit(limit)}`,
      )
      return rows.flatMap((row) => {
        try {
          return [metadataOf(String(row.id), row)]
        } catch (error) {
          asCorrupt(backend, 'metadata', error)
          return []
        }
      })
    },
  }
}

/**
 * Many conversations as one statement sees them, by id: what `load` would give or throw. One that is not there is not
 * in the map. All that is asked for is in memory at once.
 */
export async function loadMany(
  db: SqlDatabase,
  ids: readonly string[],
): Promise<Map<string, Conversation | StorageError>> {
  const { backend, dialect } = db
  const { conversations: table, conversation_entries } = dialect.tables
  const rows = await db.read(
    sql`select id, -1 as seq, entry_count, document from ${table} where ${dialect.isOneOf(sql`id`, ids)}
      union all select conversation_id, seq, null, document from ${conversation_entries}
        where ${dialect.isOneOf(sql`conversation_id`, ids)}
      order by id, seq`,
  )
  const found = new Map<string, Conversation | StorageError>()
  for (const [id, [head, ...entries]] of Map.groupBy(rows, (row) => String(row.id))) {
    if (head?.seq !== -1) continue
    try {
      found.set(
        id,
        readRow(backend, `conversation ${id}`, () => conversationOf(db, id, head, entries)),
      )
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      found.set(id, error)
    }
  }
  return found
}

/** Checks a write and turns it into rows. */
export function entriesWrite(db: Pick<SqlDatabase, 'backend'>, id: string, write: ConversationWrite): EntriesWrite {
  checkConversation(db.backend, id, write.metadata, write.entries)
  return {
    id,
    expectedLength: write.expectedLength,
    documents: write.entries.map((entry) => JSON.stringify(entry)),
    ...describedBy(id, write.metadata),
  }
}

/** `appendEntries` in plain steps: the conversation's row is the lock, the entries follow. */
export function* appendSteps(dialect: Dialect, write: EntriesWrite): Steps<boolean> {
  const length = write.expectedLength + write.documents.length
  if (!(yield* standsAt(dialect, write, length))) return false
  yield* dialect.insertEntries(write.id, write.expectedLength, write.documents)
  return true
}

/** `createConversations` in plain steps. Gives the ids that were free. */
export function* createSteps(dialect: Dialect, writes: readonly EntriesWrite[]): Steps<Set<string>> {
  const { conversations: table, conversation_entries: entries } = dialect.tables
  const created = new Set<string>()
  for (const { id, documents, updatedAt, titleGenerated, metadata } of writes) {
    const rows = yield sql`insert into ${table} (id, entry_count, updated_at, title_generated, document)
      values (${id}, ${documents.length}, ${updatedAt}, ${titleGenerated}, ${metadata})
      on conflict (id) do nothing returning id`
    if (rows.length === 0) continue
    yield sql`delete from ${entries} where conversation_id = ${id}`
    yield* dialect.insertEntries(id, 0, documents)
    created.add(id)
  }
  return created
}

export function* replaceSteps(dialect: Dialect, write: EntriesWrite): Steps<boolean> {
  if (!(yield* standsAt(dialect, write, write.documents.length))) return false
  yield sql`delete from ${dialect.tables.conversation_entries} where conversation_id = ${write.id}`
  yield* dialect.insertEntries(write.id, 0, write.documents)
  return true
}

function* standsAt(dialect: Dialect, write: EntriesWrite, length: number): Steps<boolean> {
  const { conversations: table, conversation_entries: entries } = dialect.tables
  const updated = yield sql`update ${table} set entry_count = ${length}, ${describe(dialect, write)}
    where id = ${write.id} and entry_count = ${write.expectedLength} returning id`
  if (updated.length > 0 || write.expectedLength > 0) return updated.length > 0
  const created = yield sql`insert into ${table} (id, entry_count, updated_at, title_generated, document)
    values (${write.id}, ${length}, ${write.updatedAt}, ${write.titleGenerated}, ${write.metadata})
    on conflict (id) do nothing returning id`
  if (created.length === 0) return false
  // What a hand left behind that deleted only the conversation's row.
  yield sql`delete from ${entries} where conversation_id = ${write.id}`
  return true
}

type Described = Pick<EntriesWrite, 'updatedAt' | 'titleGenerated' | 'metadata'>

function describe(dialect: Dialect, { updatedAt, titleGenerated, metadata }: Described) {
  return sql`updated_at = ${dialect.cast(updatedAt, 'timestamptz')},
    title_generated = ${dialect.cast(titleGenerated, 'boolean')}, document = ${dialect.cast(metadata, 'text')}`
}

function describedBy(id: string, details: ConversationDetails): Described {
  const { message_count: _, ...document } = metadataToDocument(id, details, 0)
  return {
    updatedAt: details.updatedAt,
    titleGenerated: details.titleGenerated,
    metadata: JSON.stringify(document),
  }
}

function metadataOf(id: string, row: Row): ConversationMetadata {
  const metadata = metadataFromDocument(parseObject(textOf(row, 'document')))
  return { ...metadata, id, messageCount: Number(row.entry_count) }
}

function conversationOf(db: SqlDatabase, id: string, head: Row, rows: readonly Row[]): Conversation {
  const metadata = metadataOf(id, head)
  const entries = rows.map((row, index) => {
    const what = `entry ${Number(row.seq) + 1} of conversation ${id}`
    if (Number(row.seq) !== index) {
      throw new StorageError('E_CORRUPT', db.backend, `entry ${index + 1} of conversation ${id} is missing`)
    }
    return readRow(db.backend, what, () => parseObject(textOf(row, 'document')) as ConversationEntry)
  })
  if (entries.length !== metadata.messageCount) {
    const message = `conversation ${id} should have ${metadata.messageCount} entries, ${entries.length} are stored`
    throw new StorageError('E_CORRUPT', db.backend, message)
  }
  return { metadata, entries, damage: [] }
}
