import { randomUUID } from 'node:crypto'
import type { SessionGroupStorage } from '#storage/contract/session-groups.ts'
import { hasCode } from './persist.ts'

/** How often it is tried again when somebody else has moved the group meanwhile. */
const ATTEMPTS = 5

/**
 * Moves a session group on to a new conversation that holds nothing yet; the old one stays as it is, in the history.
 * Nothing is to be done for a group that has none. Throws E_CONFLICT when others move it all the time.
 */
export async function freshSession(
  groups: Pick<SessionGroupStorage, 'get' | 'put'>,
  key: string,
  now: Date,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const group = await groups.get(key)
    if (group === undefined) return
    const { revision, currentSessionId, history } = group
    const next = {
      currentSessionId: randomUUID(),
      history: [...history, currentSessionId],
      lastRollover: now,
      updatedAt: now,
    }
    try {
      await groups.put(key, next, { expected: revision })
      return
    } catch (error) {
      if (!hasCode(error, 'E_CONFLICT') || attempt === ATTEMPTS) throw error
    }
  }
}
