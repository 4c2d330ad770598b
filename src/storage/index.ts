import type { Stores } from '#storage/contract/stores.ts'
import type { StorageOptions } from '#storage/options.ts'

/**
 * Opens the chosen backend and loads no other one's code. Checks the connection (5 s), brings the schema up to date
 * under a lock, and refuses a newer schema before any write.
 *
 * Throws a StorageError: E_UNAVAILABLE, E_SCHEMA_NEWER, E_BUSY, E_CORRUPT, E_FULL.
 */
export async function openStores(options: StorageOptions): Promise<Stores> {
  switch (options.type) {
    case 'memory':
      return (await import('#storage/memory/open.ts')).openMemory(options)
    case 'jsonl':
      return await (await import('#storage/jsonl/open.ts')).openJsonl(options)
    case 'sqlite':
      return await (await import('#storage/sqlite/open.ts')).openSqlite(options)
    case 'postgres':
      return await (await import('#storage/postgres/open.ts')).openPostgres(options)
    case 'redis':
      return await (await import('#storage/redis/open.ts')).openRedis(options)
  }
}
