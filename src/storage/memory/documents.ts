import type { JsonObject } from '#storage/contract/json.ts'
import type { Documents } from '#storage/rules/documents.ts'
import { parseObject } from '#storage/rules/fields.ts'

/** Coordination documents of this process. */
export class MemoryDocuments implements Documents {
  readonly backend = 'memory'
  readonly #stored = new Map<string, { text: string; version: string }>()
  #writes = 0

  async now(): Promise<Date> {
    return new Date()
  }

  async get(key: string): Promise<{ value: JsonObject; version: string } | undefined> {
    const stored = this.#stored.get(key)
    return stored && { value: parseObject(stored.text), version: stored.version }
  }

  async put(key: string, version: string | undefined, value: JsonObject | null): Promise<boolean> {
    if (this.#stored.get(key)?.version !== version) return false
    this.#writes += 1
    if (value === null) this.#stored.delete(key)
    else this.#stored.set(key, { text: JSON.stringify(value), version: String(this.#writes) })
    return true
  }

  async list(prefix: string): Promise<Map<string, JsonObject>> {
    const keys = [...this.#stored.keys()].filter((key) => key.startsWith(prefix)).sort()
    return new Map(keys.map((key) => [key, parseObject(this.#stored.get(key)?.text ?? '{}')]))
  }
}
