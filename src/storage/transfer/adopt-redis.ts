import type { RedisOptions } from '#storage/options.ts'
import { redisAddress } from '#storage/redis/address.ts'
import { RedisConnection } from '#storage/redis/connection.ts'
import { connectionBehind } from '#storage/redis/imports.ts'
import { prefixedIds } from '#storage/redis/scan.ts'
import type { GoData } from './adopt-data.ts'
import { definitionVersion, GO_KEYS, type GoIds, textsOf } from './adopt-redis-keys.ts'
import type { ImportTarget } from './import-records.ts'

/** A database with at most this many keys is looked through at a start too. */
const SMALL = 2_000

/**
 * The keys of the Go CLI. Its plans and jobs have no index, so finding them means walking the whole database: at a
 * start that is done only where a key with a fixed name says that this program has been here, or the database is small.
 */
export async function openGoRedis(options: RedisOptions, stores: ImportTarget): Promise<GoData> {
  const shared = connectionBehind(stores)
  const redis = shared ?? (await RedisConnection.open(redisAddress(options), options.openTimeoutMs ?? 5_000))
  const ids: GoIds = { jobs: [], plans: [] }
  return {
    async state(thorough) {
      const [exists, size] = await Promise.all([
        redis.call<number>('EXISTS', GO_KEYS.conversations, GO_KEYS.groups, GO_KEYS.history),
        redis.call<number>('DBSIZE'),
      ])
      if (exists === 0 && size > SMALL && !thorough) return undefined
      if (exists === 0 && size === 0) return undefined
      ids.jobs = [...(await prefixedIds(redis, GO_KEYS.jobs))].sort()
      ids.plans = [...(await prefixedIds(redis, GO_KEYS.plans))].sort()
      if (exists + ids.jobs.length + ids.plans.length === 0) return undefined
      const state = await Promise.all([
        redis.call<unknown>('ZCARD', GO_KEYS.conversations),
        redis.call<unknown>('ZREVRANGE', GO_KEYS.conversations, 0, 0, 'WITHSCORES'),
        redis.call<unknown>('HLEN', GO_KEYS.groups),
        redis.call<unknown>('LLEN', GO_KEYS.history),
      ])
      const jobs = (await textsOf(redis, GO_KEYS.jobs, ids.jobs)).map((text) => definitionVersion(text ?? ''))
      return JSON.stringify([state, ids.jobs, jobs, ids.plans])
    },
    domains: async () => (await import('./adopt-redis-items.ts')).redisItems(redis, ids),
    async [Symbol.asyncDispose]() {
      if (!shared) await redis.close()
    },
  }
}
