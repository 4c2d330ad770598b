import { StorageError, type StorageErrorCode } from '#storage/contract/errors.ts'

/**
 * Does something with the store, and again while its failure may pass; undefined when the signal aborts before it has
 * succeeded. Throws failures that do not pass.
 */
export type Persist = <T>(act: () => Promise<T>, signal: AbortSignal) => Promise<T | undefined>

export function hasCode(error: unknown, code: StorageErrorCode): boolean {
  return error instanceof StorageError && error.code === code
}
