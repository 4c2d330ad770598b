import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import type { Documents } from '#storage/rules/documents.ts'
import { field } from '#storage/rules/fields.ts'
import { digest } from '#storage/rules/revision.ts'
import { type Codec, NumberedRecords, type Stored } from './numbered-records.ts'

/** How long, in ms, the trace of a removed document stays, so that a writer that slept meanwhile finds it changed. */
const FORGET_MS = 30 * 24 * 60 * 60 * 1_000

const AS_IT_IS: Codec<JsonObject> = { encode: (body) => body, decode: (document) => document }

/**
 * The documents of coordination as numbered records: `<runsDir>/coordination/<kind>/<shard>/<digest of the key>@<n>`,
 * where the kind is the key up to its first `/`. The body is `{"key", "value"}`; a value of null is a removed one.
 */
export class FileDocuments implements Documents {
  readonly backend = 'jsonl'
  readonly #directory: string
  readonly #readOnly: boolean
  readonly #kinds = new Map<string, NumberedRecords<JsonObject>>()

  constructor(directory: string, readOnly = false) {
    this.#directory = directory
    this.#readOnly = readOnly
  }

  async now(): Promise<Date> {
    return new Date()
  }

  async get(key: string): Promise<{ value: JsonObject; version: string } | undefined> {
    await turn()
    const stored = this.#records(key).read(digest(key))
    const value = stored && contentOf(stored)
    return value ? { value, version: versionOf(stored) } : undefined
  }

  async put(key: string, version: string | undefined, value: JsonObject | null): Promise<boolean> {
    const records = this.#records(key)
    const name = digest(key)
    const seen = records.read(name)
    const present = seen && contentOf(seen) ? versionOf(seen) : undefined
    if (present !== version) return false
    if (value === null && present === undefined) return true
    return (await records.replace(name, seen, { key, value })) !== undefined
  }

  async list(prefix: string): Promise<Map<string, JsonObject>> {
    await turn()
    const found: [string, JsonObject][] = []
    const records = this.#records(prefix)
    for (const [name, stored] of records.all()) {
      if (stored instanceof StorageError) throw stored
      const key = field.text(stored.body, 'key')
      const value = contentOf(stored)
      if (value && key.startsWith(prefix)) found.push([key, value])
      else if (!value && Date.now() - stored.at > FORGET_MS) records.forget(name, stored)
    }
    return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #records(key: string): NumberedRecords<JsonObject> {
    const kind = /^([a-z]{1,32})\//.exec(key)?.[1]
    if (kind === undefined) throw new StorageError('E_INVALID', 'jsonl', `the key ${JSON.stringify(key)} has no kind`)
    const known = this.#kinds.get(kind)
    if (known) return known
    const records = new NumberedRecords(join(this.#directory, kind), AS_IT_IS, this.#readOnly)
    this.#kinds.set(kind, records)
    return records
  }
}

function contentOf(stored: Stored<JsonObject>): JsonObject | undefined {
  return stored.body.value == null ? undefined : field.object(stored.body, 'value')
}

function versionOf(stored: Stored<JsonObject>): string {
  return `${stored.number}.${stored.token}`
}
