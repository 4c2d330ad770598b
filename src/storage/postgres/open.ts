import type { Stores } from '#storage/contract/stores.ts'
import type { PostgresOptions } from '#storage/options.ts'
import { bringUpToDate, checkVersion, storedVersion } from '#storage/sql/migrations.ts'
import { sql } from '#storage/sql/statement.ts'
import { sqlStores } from '#storage/sql/stores.ts'
import { Connector } from './connect.ts'
import { PostgresDatabase } from './database.ts'
import { POSTGRES_SCHEMA } from './schema.ts'
import { targetOf } from './target.ts'
import { PostgresWatch } from './watch.ts'

/** Connects, and brings the schema `infer` of the database up to date. The database itself must exist. */
export async function openPostgres(options: PostgresOptions): Promise<Stores> {
  const { busyTimeoutMs = 10_000, openTimeoutMs = 5_000, migrate = !options.readOnly, poolSize = 1 } = options
  const { hints = true, pollMs = 2_000, fullListMs = 60_000 } = options.watch ?? {}
  const target = targetOf(options)
  const db = new PostgresDatabase(new Connector(target, openTimeoutMs, busyTimeoutMs), poolSize)
  try {
    await db.open()
    const stored = await versionOf(db)
    checkVersion('postgres', target.location, stored, POSTGRES_SCHEMA)
    await bringUpToDate(db, POSTGRES_SCHEMA, { where: target.location, stored, migrate })
  } catch (error) {
    await db.close()
    throw error
  }
  return sqlStores(db, {
    location: target.location,
    multiHost: true,
    schema: POSTGRES_SCHEMA,
    tuning: { hints, pollMs, fullListMs },
    watchSource: (records) => new PostgresWatch(db, records),
    examine: async () => [],
    close: () => db.close(),
  })
}

/** The version of the schema, 0 where infer has no tables yet. */
async function versionOf(db: PostgresDatabase): Promise<number> {
  const [known] = await db.read(sql`select to_regclass('infer.migrations') is not null as known`)
  if (known?.known !== true) return 0
  return await storedVersion(db)
}
