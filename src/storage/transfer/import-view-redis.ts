import type { RedisOptions } from '#storage/options.ts'
import { redisAddress } from '#storage/redis/address.ts'
import { RedisConnection } from '#storage/redis/connection.ts'
import { keys } from '#storage/redis/keys.ts'
import { prefixedIds } from '#storage/redis/scan.ts'
import { checkSchema, SCHEMA } from '#storage/redis/schema.ts'
import type { StoredRecords } from './import-view.ts'

/** What a Redis holds, by commands that only read. */
export async function redisView(options: RedisOptions): Promise<StoredRecords> {
  const redis = await RedisConnection.open(redisAddress(options), options.openTimeoutMs ?? 5_000)
  try {
    await checkSchema(redis)
    const stored = await redis.call<string | null>('GET', keys.schema)
    return {
      schema: { from: Number(stored ?? 0), to: SCHEMA },
      async ledger() {
        const sources = [...(await prefixedIds(redis, keys.imports))].sort()
        return await Promise.all(
          sources.map(async (source) => ({
            source,
            records: await redis.call<number>('HLEN', keys.imports + source),
          })),
        )
      },
      async imported(source) {
        const fields = await redis.call<string[]>('HGETALL', keys.imports + source)
        const outcomes = new Map<string, 'import' | 'already'>()
        for (let i = 0; i + 1 < fields.length; i += 2) {
          outcomes.set(fields[i] ?? '', fields[i + 1] === 'import' ? 'import' : 'already')
        }
        return outcomes
      },
      history: () => redis.call<string[]>('LRANGE', keys.history, 0, -1),
      async ids(kind) {
        switch (kind) {
          case 'job':
            return await prefixedIds(redis, keys.jobs)
          case 'conversation':
            return await prefixedIds(redis, keys.conversations)
          case 'plan':
            return new Set(await redis.call<string[]>('HKEYS', keys.plans))
          case 'session_group':
            return new Set(await redis.call<string[]>('HKEYS', keys.groups))
        }
      },
      [Symbol.asyncDispose]: () => redis.close(),
    }
  } catch (error) {
    await redis.close()
    throw error
  }
}
