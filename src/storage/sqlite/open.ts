import { closeSync, existsSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { ensureDirectory } from '#infer-dir.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { SqliteOptions } from '#storage/options.ts'
import { bringUpToDate, checkVersion } from '#storage/sql/migrations.ts'
import { sqlStores } from '#storage/sql/stores.ts'
import { BUSY_TIMEOUT_MS, Connection, inodeOf, retryBusy, SqliteDatabase } from './database.ts'
import { SQLITE_DIALECT } from './dialect.ts'
import { SQLITE_SCHEMA } from './schema.ts'
import { storedVersion } from './stored-version.ts'
import { SqliteWatch } from './watch.ts'

/**
 * Opens the database file, which is made with mode 0600 when there is none. A schema of a newer release is refused
 * before a byte of the file is changed.
 */
export async function openSqlite(options: SqliteOptions): Promise<Stores> {
  const { path, busyTimeoutMs = 10_000, openTimeoutMs = 5_000, migrate = !options.readOnly } = options
  const { hints = true, pollMs = 2_000, fullListMs = 60_000 } = options.watch ?? {}
  await retryBusy(path, openTimeoutMs, async () => create(path, migrate))
  const db = new SqliteDatabase(path, busyTimeoutMs, () =>
    retryBusy(path, openTimeoutMs, () => connect(path, migrate, openTimeoutMs)),
  )
  await db.connect()
  return sqlStores(db, {
    location: path,
    multiHost: false,
    schema: SQLITE_SCHEMA,
    tuning: { hints, pollMs, fullListMs },
    watchSource: (records) => new SqliteWatch(path, db, records),
    examine: async (open) => await (await import('./examine.ts')).examineDatabaseFile(path, open),
    close: async () => db.close(),
  })
}

function create(path: string, migrate: boolean): void {
  if (existsSync(path)) return
  if (!migrate) {
    throw new StorageError('E_UNAVAILABLE', 'sqlite', `there is no database ${path}`, {
      hint: 'any other command of infer makes it, such as infer status',
    })
  }
  ensureDirectory(dirname(path))
  closeSync(openSync(path, 'a', 0o600))
}

async function connect(path: string, migrate: boolean, timeoutMs: number): Promise<Connection> {
  const inode = inodeOf(path)
  const stored = storedVersion(path)
  checkVersion('sqlite', path, stored, SQLITE_SCHEMA)
  const sqlite = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS, fileMustExist: true })
  const connection = new Connection(sqlite, inode)
  try {
    if (migrate || stored > 0) sqlite.pragma('journal_mode = wal')
    sqlite.pragma('synchronous = full')
    const db = {
      backend: 'sqlite' as const,
      dialect: SQLITE_DIALECT,
      transaction: async <T>(steps: () => Parameters<typeof connection.transaction<T>>[0]) =>
        await retryBusy(path, timeoutMs, async () => connection.transaction(steps())),
    }
    await bringUpToDate(db, SQLITE_SCHEMA, { where: path, stored, migrate })
    connection.rememberLog(path)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}
