import { setTimeout as sleep } from 'node:timers/promises'
import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'

/**
 * The primitive that a backend implements for coordination: small named JSON documents that change by
 * compare-and-set. A key is any text of up to 1,100 characters without NUL, `/` included.
 */
export interface Documents {
  readonly backend: BackendName
  now(): Promise<Date>
  get(key: string): Promise<{ value: JsonObject; version: string } | undefined>
  /** Creates (`version` undefined), replaces, or with `value` null removes. False when the version no longer stands. */
  put(key: string, version: string | undefined, value: JsonObject | null): Promise<boolean>
  /** All whose key starts with the prefix, by key ascending. */
  list(prefix: string): Promise<Map<string, JsonObject>>
}

const MAX_ATTEMPTS = 200

/** Reads, decides, writes by compare-and-set until it stands; without `next` nothing is written. */
export async function transactDocument<T>(
  documents: Documents,
  key: string,
  decide: (value: JsonObject | undefined, now: Date) => { answer: T; next?: JsonObject | null },
): Promise<T> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const now = await documents.now()
    const stored = await documents.get(key)
    const { answer, next } = decide(stored?.value, now)
    if (next === undefined || (await documents.put(key, stored?.version, next))) return answer
    if (attempt > 3) await sleep(Math.random() * Math.min(50, attempt))
  }
  throw new StorageError('E_BUSY', documents.backend, `${key} is being changed all the time`, { hint: 'try again' })
}
