import { findRecord } from '#commands/find-record.ts'
import type { Conversation } from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'

/** The conversation that an argument means: an id, a session group key, or a unique beginning of an id. */
export async function loadConversation(stores: Stores, argument: string): Promise<Conversation> {
  const group = argument === '' ? undefined : await groupOf(stores, argument)
  try {
    return await stores.conversations.load(group ?? argument)
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
  return await stores.conversations.load(await findConversation(stores, argument))
}

/** The id that an argument means: an id or a unique beginning of one, of a conversation that need not be readable. */
export async function findConversation(stores: Stores, argument: string): Promise<string> {
  const { conversations, unreadable } = await stores.conversations.list({ limit: 0, offset: 0 })
  return findRecord([...conversations, ...unreadable], argument, 'conversation').id
}

async function groupOf(stores: Stores, argument: string): Promise<string | undefined> {
  try {
    return (await stores.sessionGroups.get(argument))?.currentSessionId
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** What cannot be an id cannot be there either. */
function isAbsent(error: unknown): boolean {
  return error instanceof StorageError && (error.code === 'E_NOT_FOUND' || error.code === 'E_INVALID')
}
