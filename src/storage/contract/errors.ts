/** The five backends, each an implementation of every domain. */
export type BackendName = 'jsonl' | 'sqlite' | 'postgres' | 'redis' | 'memory'

/**
 * The stable codes of storage errors; the conformance suite asserts them.
 *
 * - `E_NOT_FOUND` the record does not exist
 * - `E_CONFLICT` somebody else changed it first; nothing was written
 * - `E_CORRUPT` it exists but cannot be read; it was left as it is
 * - `E_BUSY` a lock stayed taken until the deadline; nothing was written
 * - `E_UNAVAILABLE` the backend did not answer; a write may or may not have happened, and repeating it is safe
 * - `E_INVALID` the argument is refused; nothing was sent
 * - `E_SCHEMA_NEWER` a newer release has changed the stored schema; nothing was written
 * - `E_FULL` no space left; the previous content is intact
 */
export type StorageErrorCode =
  | 'E_NOT_FOUND'
  | 'E_CONFLICT'
  | 'E_CORRUPT'
  | 'E_BUSY'
  | 'E_UNAVAILABLE'
  | 'E_INVALID'
  | 'E_SCHEMA_NEWER'
  | 'E_FULL'

/** Every failure of a store. The message is a sentence for people; `hint`, where there is one, says what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  readonly backend: BackendName
  readonly hint: string | undefined

  constructor(
    code: StorageErrorCode,
    backend: BackendName,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.backend = backend
    this.hint = options.hint
  }
}
