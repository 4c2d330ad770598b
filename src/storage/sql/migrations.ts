import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { SqlDatabase, Steps } from './database.ts'
import { raw, type Statement, sql } from './statement.ts'

/**
 * One step of the schema, run in a transaction of its own. Numbered from 1 and never changed once released: a new
 * step is added at the end.
 */
export interface Migration {
  readonly version: number
  readonly statements: readonly string[]
}

export interface Schema {
  /** Make the ledger of migrations where there is none. */
  readonly ledger: readonly string[]
  readonly migrations: readonly Migration[]
  /** Keeps other processes away for the length of a transaction, where `begin` does not. */
  readonly lock?: Statement
}

/** Refuses a schema that a newer release has changed. Called before any write. */
export function checkVersion(backend: BackendName, where: string, stored: number, schema: Schema): void {
  const known = latest(schema)
  if (stored <= known) return
  const message = `the schema in ${where} has version ${stored}, this release knows ${known}: a newer one changed it`
  throw new StorageError('E_SCHEMA_NEWER', backend, message, { hint: 'install the newer release of infer' })
}

/** The version of the schema in a database that has its tables. */
export async function storedVersion(db: Pick<SqlDatabase, 'dialect' | 'read'>): Promise<number> {
  const [row] = await db.read(sql`select max(version) as version from ${db.dialect.tables.migrations}`)
  return Number(row?.version ?? 0)
}

/**
 * Brings the schema from version `stored` up to date; what other processes did meanwhile is looked at again behind
 * the lock. Without `migrate`, E_UNAVAILABLE when there is something to do.
 */
export async function bringUpToDate(
  db: Pick<SqlDatabase, 'backend' | 'dialect' | 'transaction'>,
  schema: Schema,
  { where, stored, migrate }: { where: string; stored: number; migrate: boolean },
): Promise<void> {
  if (stored >= latest(schema)) return
  if (!migrate) {
    const message = `the schema in ${where} has version ${stored}, this release needs ${latest(schema)}`
    throw new StorageError('E_UNAVAILABLE', db.backend, message, {
      hint: 'any other command of infer brings it up to date, such as infer status',
    })
  }
  const table = db.dialect.tables.migrations
  for (const { version, statements } of schema.migrations.filter((one) => one.version > stored)) {
    await db.transaction(function* (): Steps<void> {
      if (schema.lock) yield schema.lock
      for (const statement of schema.ledger) yield raw(statement)
      const [row] = yield sql`select max(version) as version from ${table}`
      const current = Number(row?.version ?? 0)
      checkVersion(db.backend, where, current, schema)
      if (current >= version) return
      for (const statement of statements) yield raw(statement)
      yield sql`insert into ${table} (version, applied_at) values (${version}, ${db.dialect.now})`
    })
  }
}

function latest({ migrations }: Schema): number {
  return migrations.at(-1)?.version ?? 0
}
