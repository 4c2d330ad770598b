import { StorageError } from '#storage/contract/errors.ts'
import {
  ABSENT,
  type SessionGroup,
  type SessionGroupStorage,
  type StoredSessionGroup,
} from '#storage/contract/session-groups.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkGroup } from '#storage/rules/check-records.ts'
import { parseObject } from '#storage/rules/fields.ts'
import { groupFromDocument, groupToDocument } from '#storage/rules/group-document.ts'
import { storedGroup } from '#storage/rules/revision.ts'

/** The session groups of this process. */
export class MemorySessionGroups implements SessionGroupStorage {
  readonly #stored = new Map<string, string>()

  async get(key: string): Promise<StoredSessionGroup | undefined> {
    checkKey('memory', 'session group key', key)
    return this.#read(key)
  }

  async put(key: string, group: SessionGroup, options: { expected?: string } = {}): Promise<StoredSessionGroup> {
    checkGroup('memory', key, group)
    const stored = this.#read(key)
    if (options.expected !== undefined && (stored?.revision ?? ABSENT) !== options.expected) {
      throw new StorageError('E_CONFLICT', 'memory', `session group ${key} was changed meanwhile`)
    }
    return this.#write(key, group)
  }

  async list(): Promise<Map<string, StoredSessionGroup>> {
    const keys = [...this.#stored.keys()].sort(byCodePoint)
    return new Map(keys.map((key) => [key, this.#read(key) as StoredSessionGroup]))
  }

  /** Takes in a group from elsewhere; false when the key is taken. */
  takeIn(key: string, group: SessionGroup): boolean {
    if (this.#stored.has(key)) return false
    this.#write(key, group)
    return true
  }

  #read(key: string): StoredSessionGroup | undefined {
    const text = this.#stored.get(key)
    return text === undefined ? undefined : storedGroup(groupFromDocument(parseObject(text)))
  }

  #write(key: string, group: SessionGroup): StoredSessionGroup {
    const document = groupToDocument(group)
    this.#stored.set(key, JSON.stringify(document))
    return storedGroup(groupFromDocument(document))
  }
}

/** Order of code points, which is that of UTF-8 bytes; `<` on strings compares UTF-16 units. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
