import type { Conversation } from '#storage/contract/conversations.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { attempt, damageOf, type Tell } from './attempt.ts'
import { ahead } from './copy-window.ts'

/** Conversations listed at once. */
const PAGE = 5_000
/** Loaded at once where each is loaded on its own. */
const LOADED = 16
/** Conversations and entries of one statement where many are loaded together, and statements under way at once. */
const BATCH = 200
const BATCH_ENTRIES = 4_000
const STATEMENTS = 2

/** Ids of all that can be listed, ascending, with the number of their entries. */
export async function conversationLengths(
  stores: Pick<Stores, 'conversations'>,
  tell: Tell,
): Promise<ReadonlyMap<string, number>> {
  const lengths = new Map<string, number>()
  const unreadable = new Set<string>()
  for (let offset = 0; ; offset += PAGE) {
    const known = lengths.size + unreadable.size
    const page = await stores.conversations.list({ limit: PAGE, offset })
    for (const { id, messageCount } of page.conversations) lengths.set(id, messageCount)
    for (const { id, error } of page.unreadable) {
      if (!unreadable.has(id)) tell(damageOf('conversations', id, error))
      unreadable.add(id)
    }
    const full = page.conversations.length + page.unreadable.length >= PAGE
    if (!full || lengths.size + unreadable.size === known) {
      const ids = [...lengths.keys()].sort()
      return new Map(ids.map((id) => [id, lengths.get(id) ?? 0]))
    }
  }
}

/** Those that are still there and can be read, in the order of `lengths`; what cannot is told. */
export async function* loadConversations(
  stores: Pick<Stores, 'type' | 'conversations' | 'coordination'>,
  lengths: ReadonlyMap<string, number>,
  tell: Tell,
): AsyncGenerator<Conversation, void, void> {
  const loadMany = await manyAtOnce(stores)
  if (!loadMany) {
    const loaded = ahead([...lengths.keys()], LOADED, (id) => loadConversation(stores, id, tell))
    for await (const conversation of loaded) if (conversation) yield conversation
    return
  }
  for await (const [ids, found] of ahead(
    batches(lengths),
    STATEMENTS,
    async (ids) => [ids, await loadMany(ids)] as const,
  )) {
    for (const id of ids) {
      const conversation = await attempt('conversations', id, tell, async () => {
        const one = found.get(id)
        if (one instanceof Error) throw one
        return one
      })
      if (conversation) yield conversation
    }
  }
}

/** Undefined when it is gone or cannot be read, which is told, as is what of it was set aside. */
export async function loadConversation(
  { conversations }: Pick<Stores, 'conversations'>,
  id: string,
  tell: Tell,
): Promise<Conversation | undefined> {
  const conversation = await attempt('conversations', id, tell, () => conversations.load(id))
  for (const problem of conversation?.damage ?? []) {
    tell({ domain: 'conversations', id, problem, cure: 'the rest of it is read; look at the file' })
  }
  return conversation
}

/** How the backend loads many conversations by one statement, where that saves something. */
async function manyAtOnce({ type, coordination }: Pick<Stores, 'type' | 'coordination'>) {
  if (type !== 'postgres' && type !== 'sqlite') return undefined
  const [{ databaseBehind }, { loadMany }] = await Promise.all([
    import('#storage/sql/imports.ts'),
    import('#storage/sql/conversations.ts'),
  ])
  const db = databaseBehind(coordination)
  return db && ((ids: readonly string[]) => loadMany(db, ids))
}

/** Ids that are loaded together: a long conversation goes alone. */
function batches(lengths: ReadonlyMap<string, number>): string[][] {
  const all: string[][] = []
  let entries = Number.POSITIVE_INFINITY
  for (const [id, length] of lengths) {
    const open = all.at(-1)
    if (open && open.length < BATCH && entries + length <= BATCH_ENTRIES) {
      open.push(id)
      entries += length
    } else {
      all.push([id])
      entries = length
    }
  }
  return all
}
