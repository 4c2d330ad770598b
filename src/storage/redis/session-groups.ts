import { StorageError } from '#storage/contract/errors.ts'
import {
  ABSENT,
  type SessionGroup,
  type SessionGroupStorage,
  type StoredSessionGroup,
} from '#storage/contract/session-groups.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkGroup } from '#storage/rules/check-records.ts'
import { groupFromDocument, groupToDocument } from '#storage/rules/group-document.ts'
import { storedGroup } from '#storage/rules/revision.ts'
import type { RedisConnection } from './connection.ts'
import { readStored, sha1 } from './corrupt.ts'
import { keys } from './keys.ts'
import { allTexts, swapText } from './texts.ts'

const MAX_ATTEMPTS = 200

/** Session groups: one hash of JSON texts. */
export class RedisSessionGroups implements SessionGroupStorage {
  readonly #connection: RedisConnection

  constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  async get(key: string): Promise<StoredSessionGroup | undefined> {
    checkKey('redis', 'session group key', key)
    const text = await this.#text(key)
    return text === undefined ? undefined : groupOf(key, text)
  }

  async put(key: string, group: SessionGroup, options: { expected?: string } = {}): Promise<StoredSessionGroup> {
    checkGroup('redis', key, group)
    const next = groupToText(group)
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const text = await this.#text(key)
      const revision = text === undefined ? ABSENT : groupOf(key, text).revision
      if (options.expected !== undefined && revision !== options.expected) {
        throw new StorageError('E_CONFLICT', 'redis', `session group ${key} was changed meanwhile`)
      }
      const sha = text === undefined ? undefined : sha1(text)
      if (await swapText(this.#connection, keys.groups, { field: key, sha, text: next })) return groupOf(key, next)
    }
    throw new StorageError('E_BUSY', 'redis', `session group ${key} is being changed all the time`, {
      hint: 'try again',
    })
  }

  async list(): Promise<Map<string, StoredSessionGroup>> {
    const texts = await allTexts(this.#connection, keys.groups)
    const sorted = [...texts].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    return new Map(sorted.map(([key, text]) => [key, groupOf(key, text)]))
  }

  async #text(key: string): Promise<string | undefined> {
    return (await this.#connection.call<string | null>('HGET', keys.groups, key)) ?? undefined
  }
}

export function groupToText(group: SessionGroup): string {
  return JSON.stringify(groupToDocument(group))
}

function groupOf(key: string, text: string): StoredSessionGroup {
  return readStored(`session group ${key} (${keys.groups})`, text, (doc) => storedGroup(groupFromDocument(doc)))
}
