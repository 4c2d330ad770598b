import { statSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { BUSY_TIMEOUT_MS } from './database.ts'

/**
 * The version of the schema in a database file, 0 where infer has no tables yet, without a change to a byte of it.
 *
 * A read-only connection to a database in WAL mode would make side files and leave them; one that may write takes
 * them away again. Where a log stands beside the file that one would move its content into the file at its end, so
 * there it is the read-only one: the side files are there anyway.
 */
export function storedVersion(path: string): number {
  if (sizeOf(path) === 0) return 0
  const readonly = sizeOf(`${path}-wal`) > 0 || sizeOf(`${path}-journal`) > 0
  const db = new Sqlite(path, { readonly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
  try {
    const known = db.prepare(`select 1 from sqlite_master where name = 'infer_migrations'`).get()
    if (known === undefined) return 0
    const row = db.prepare('select max(version) as version from infer_migrations').get() as { version: number | null }
    return row.version ?? 0
  } finally {
    db.close()
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
