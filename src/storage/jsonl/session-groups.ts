import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import {
  ABSENT,
  type SessionGroup,
  type SessionGroupStorage,
  type StoredSessionGroup,
} from '#storage/contract/session-groups.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkGroup } from '#storage/rules/check-records.ts'
import { DocumentError, field, parseObject } from '#storage/rules/fields.ts'
import { groupFromDocument, groupToDocument } from '#storage/rules/group-document.ts'
import { storedGroup } from '#storage/rules/revision.ts'
import { corrupt, ioError, isMissing } from './io-error.ts'
import type { Locks } from './locks.ts'
import { replaceFile } from './replace-file.ts'

/**
 * `session_groups.json` as the Go CLI has it: `{"groups": {<key>: {…}}}`, indented by two, keys in ascending order.
 * Fields we do not know are kept. Writers hold `.session_groups.json.lock` beside it.
 */
export class FileSessionGroups implements SessionGroupStorage {
  readonly #path: string
  readonly #locks: Locks

  constructor(path: string, locks: Locks) {
    this.#path = path
    this.#locks = locks
  }

  async get(key: string): Promise<StoredSessionGroup | undefined> {
    checkKey('jsonl', 'session group key', key)
    await turn()
    return this.#decode(groupsOf(this.#read()), key)
  }

  async put(key: string, group: SessionGroup, options: { expected?: string } = {}): Promise<StoredSessionGroup> {
    checkGroup('jsonl', key, group)
    return await this.#change(key, group, (stored) => {
      if (options.expected !== undefined && (stored?.revision ?? ABSENT) !== options.expected) {
        throw new StorageError('E_CONFLICT', 'jsonl', `session group ${key} was changed meanwhile`)
      }
    })
  }

  async list(): Promise<Map<string, StoredSessionGroup>> {
    await turn()
    const groups = groupsOf(this.#read())
    const keys = Object.keys(groups).sort(byCodePoint)
    return new Map(keys.map((key) => [key, this.#decode(groups, key) as StoredSessionGroup]))
  }

  #change(
    key: string,
    group: SessionGroup,
    check: (stored: StoredSessionGroup | undefined) => void,
  ): Promise<StoredSessionGroup> {
    const next = groupToDocument(group)
    const lock = join(dirname(this.#path), `.${basename(this.#path)}.lock`)
    return this.#locks.hold(lock, async () => {
      const document = this.#read()
      const groups = groupsOf(document)
      check(this.#decode(groups, key))
      const changed: JsonObject = { ...(Object.hasOwn(groups, key) && field.object(groups, key)), ...next }
      if (next.last_rollover === undefined) delete changed.last_rollover
      const entries = [...Object.entries(groups).filter(([other]) => other !== key), [key, changed] as const]
      const sorted = entries.sort(([a], [b]) => byCodePoint(a, b))
      await replaceFile(this.#path, render({ ...document, groups: {} }, sorted))
      return storedGroup(groupFromDocument(changed))
    })
  }

  #read(): JsonObject {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch (error) {
      if (isMissing(error)) return {}
      throw ioError(error, this.#path, 'read')
    }
    try {
      const document = parseObject(text)
      if (document.groups != null) field.object(document, 'groups')
      return document
    } catch (error) {
      throw corrupt(this.#path, (error as Error).message, error)
    }
  }

  #decode(groups: JsonObject, key: string): StoredSessionGroup | undefined {
    if (!Object.hasOwn(groups, key)) return undefined
    try {
      return storedGroup(groupFromDocument(field.object(groups, key)))
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error
      throw corrupt(this.#path, `session group ${JSON.stringify(key)}: ${error.message}`, error)
    }
  }
}

function groupsOf(document: JsonObject): JsonObject {
  return document.groups == null ? {} : field.object(document, 'groups')
}

/** JSON by hand on this level: an object would put keys that look like numbers first, and `__proto__` nowhere. */
function render(document: JsonObject, groups: readonly (readonly [string, unknown])[]): string {
  const indent = (text: string, by: string) => text.replaceAll('\n', `\n${by}`)
  const lines = groups.map(
    ([key, group]) => `    ${JSON.stringify(key)}: ${indent(JSON.stringify(group, null, 2), '    ')}`,
  )
  const body = lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n  }`
  const fields = Object.entries(document).map(([name, value]) =>
    name === 'groups'
      ? `  "groups": ${body}`
      : `  ${JSON.stringify(name)}: ${indent(JSON.stringify(value, null, 2), '  ')}`,
  )
  return `{\n${fields.join(',\n')}\n}`
}

/** Order of code points, which is that of UTF-8 bytes; `<` on strings compares UTF-16 units. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
