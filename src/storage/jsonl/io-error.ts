import { type BigIntStats, statSync } from 'node:fs'
import { StorageError } from '#storage/contract/errors.ts'

/** Reasons of the system in words; the code follows in brackets. */
const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would exceed the size limit of this process',
  EMFILE: 'this process has too many open files',
  ENFILE: 'the system has too many open files',
  ENOTDIR: 'a part of the path is no directory',
  EISDIR: 'it is a directory',
  ENOENT: 'it does not exist',
  EIO: 'the device reported an error',
}
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}

/** A failure of the file system as a StorageError that names the path: E_FULL when there is no room, else E_UNAVAILABLE. */
export function ioError(
  error: unknown,
  path: string,
  doing: 'read' | 'write' | 'delete' | 'lock' | 'list',
): StorageError {
  if (error instanceof StorageError) return error
  const code = codeOf(error)
  const reason = code === undefined ? String(error) : `${REASONS[code] ?? (error as Error).message} (${code})`
  return new StorageError(
    FULL.has(code ?? '') ? 'E_FULL' : 'E_UNAVAILABLE',
    'jsonl',
    `cannot ${doing} ${path}: ${reason}`,
    {
      cause: error,
      ...(code === 'EACCES' && { hint: 'check who owns it and its permissions' }),
    },
  )
}

/** Undefined when there is nothing, also where a part of the path is a file. */
export function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    throw ioError(error, path, 'read')
  }
}

export function corrupt(path: string, reason: string, cause?: unknown): StorageError {
  return new StorageError('E_CORRUPT', 'jsonl', `${path} cannot be read: ${reason}`, {
    hint: 'it was left as it is; mend or remove the file',
    cause,
  })
}
