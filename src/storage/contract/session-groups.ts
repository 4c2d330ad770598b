/** Which session a group key (such as `channel-telegram-42`) is at, and which it was at before. */
export interface SessionGroup {
  currentSessionId: string
  /** Former session ids, oldest first. */
  history: string[]
  lastRollover?: Date
  updatedAt: Date
}

export interface StoredSessionGroup extends SessionGroup {
  /** Names this very content; changes whenever the content does. */
  revision: string
}

export interface SessionGroupStorage {
  /** Undefined when the key is unknown. A key is any text of 1 to 512 characters without NUL. */
  get(key: string): Promise<StoredSessionGroup | undefined>

  /**
   * Writes the entry and returns it as stored. With `expected` it is a compare-and-set: E_CONFLICT unless the stored
   * revision is that one, or for `'absent'` unless there is none.
   */
  put(key: string, group: SessionGroup, options?: { expected?: string }): Promise<StoredSessionGroup>

  /** All groups by key, ascending in code-point order. */
  list(): Promise<Map<string, StoredSessionGroup>>
}

/** The `expected` revision that stands for "there is none yet". */
export const ABSENT = 'absent'
