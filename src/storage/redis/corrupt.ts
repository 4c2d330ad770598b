import { hash } from 'node:crypto'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { DocumentError, parseObject } from '#storage/rules/fields.ts'

/** Parses stored JSON; what is not of the expected form is E_CORRUPT, which names the key. */
export function readStored<T>(key: string, text: string, read: (doc: JsonObject) => T): T {
  try {
    return read(parseObject(text))
  } catch (error) {
    if (error instanceof DocumentError) throw corrupt(key, error.message, error)
    throw error
  }
}

export function corrupt(key: string, reason: string, cause?: unknown): StorageError {
  return new StorageError('E_CORRUPT', 'redis', `${key} in Redis cannot be read: ${reason}`, {
    hint: `look at it with redis-cli; it was left as it is`,
    ...(cause !== undefined && { cause }),
  })
}

/** SHA-1 as `redis.sha1hex` has it: names a text in a compare-and-set, and finds bytes that are no UTF-8. */
export function sha1(text: string): string {
  return hash('sha1', text, 'hex')
}
