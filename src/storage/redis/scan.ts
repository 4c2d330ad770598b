import type { RedisConnection } from './connection.ts'

/** Keys that one step looks at. */
const STEP = 1_000

/**
 * What follows the prefix in every key that begins with it. Walks all keys of the database in small steps; a million
 * of them take about a second.
 */
export async function prefixedIds(connection: RedisConnection, prefix: string): Promise<Set<string>> {
  const ids = new Set<string>()
  let cursor = '0'
  do {
    const [next, found] = await connection.call<[string, string[]]>(
      'SCAN',
      cursor,
      'MATCH',
      `${prefix}*`,
      'COUNT',
      STEP,
    )
    for (const key of found) ids.add(key.slice(prefix.length))
    cursor = next
  } while (cursor !== '0')
  return ids
}
