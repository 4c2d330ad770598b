import Sqlite from 'better-sqlite3'
import { StorageError } from '#storage/contract/errors.ts'

/** Whether another connection holds the lock that was asked for: nothing was done, and trying again is right. */
export function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(error.code)
}

/** The driver's error as a sentence with a code; `path` is the database file. */
export function sqliteError(error: unknown, path: string): unknown {
  if (error instanceof StorageError) return error
  const code = codeOf(error)
  if (code === undefined) return error
  const message = error instanceof Error ? error.message : String(error)
  const storageError = (kind: StorageError['code'], sentence: string, hint?: string) =>
    new StorageError(kind, 'sqlite', sentence, { ...(hint !== undefined && { hint }), cause: error })

  if (/^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(code)) {
    return storageError(
      'E_BUSY',
      `another process keeps ${path} locked`,
      'find it with `fuser` and end it, or try again',
    )
  }
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) {
    return storageError('E_FULL', `no space is left for ${path}`, 'free some space; what was stored is intact')
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    const hint = 'it was left as it is; restore a copy, or save what can be read with `sqlite3 FILE .recover`'
    return storageError('E_CORRUPT', `${path} is not a sound SQLite database: ${message}`, hint)
  }
  if (code.startsWith('SQLITE_CONSTRAINT')) {
    return storageError('E_CORRUPT', `rows in ${path} contradict each other: ${message}`)
  }
  if (code.startsWith('SQLITE_TOOBIG')) return storageError('E_INVALID', `the value is too big for SQLite: ${message}`)
  if (/^(SQLITE_READONLY|SQLITE_PERM|SQLITE_AUTH|EACCES|EPERM|EROFS)/.test(code)) {
    return storageError('E_UNAVAILABLE', `${path} may not be written: ${message}`, 'check owner and mode of the file')
  }
  return storageError('E_UNAVAILABLE', `${path} cannot be used: ${message}`)
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof Sqlite.SqliteError) return error.code
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return error instanceof Error && typeof code === 'string' ? code : undefined
}
