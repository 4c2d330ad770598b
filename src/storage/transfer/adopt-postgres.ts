import type { PostgresOptions } from '#storage/options.ts'
import { Connector } from '#storage/postgres/connect.ts'
import { statementError } from '#storage/postgres/errors.ts'
import { query } from '#storage/postgres/query.ts'
import { targetOf } from '#storage/postgres/target.ts'
import { databaseBehind } from '#storage/sql/imports.ts'
import { raw, sql } from '#storage/sql/statement.ts'
import type { GoData } from './adopt-data.ts'
import { columnsOf, type GoReader, goTables } from './adopt-sql.ts'
import type { ImportTarget } from './import-records.ts'

/** The tables of the Go CLI in the schema `public`, over the connection of open stores where there is one. */
export async function openGoPostgres(options: PostgresOptions, stores: ImportTarget): Promise<GoData> {
  const db = databaseBehind(stores)
  return goTables(
    db
      ? readerOf(
          (statement) => db.read(statement),
          async () => {},
        )
      : await readPostgres(options),
  )
}

/** A connection on which the server refuses every write. */
export async function readPostgres(options: PostgresOptions): Promise<GoReader> {
  const target = targetOf(options)
  const client = await new Connector(target, options.openTimeoutMs ?? 5_000, 10_000).connect(0)
  const read: GoReader['read'] = async (statement) => {
    try {
      return await query(client, statement, false)
    } catch (error) {
      throw statementError(error, target)
    }
  }
  try {
    await read(raw('set default_transaction_read_only = on'))
  } catch (error) {
    await client.end()
    throw error
  }
  return readerOf(read, () => client.end())
}

function readerOf(read: GoReader['read'], close: () => Promise<void>): GoReader {
  return {
    prefix: 'public.',
    read,
    async columns(tables) {
      return columnsOf(
        await read(
          sql`select c.relname as table, a.attname as column from pg_catalog.pg_class c
            join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
              and c.relname = any(${tables}::text[])`,
        ),
      )
    },
    [Symbol.asyncDispose]: close,
  }
}
