import { StorageError } from '#storage/contract/errors.ts'
import type { RedisConnection } from './connection.ts'

/** Keyspace messages of strings, generic commands (DEL, RENAME), expiry and eviction. */
const NEEDED = ['K', '$', 'g', 'x', 'e']
/** Flags that `A` stands for. */
const ALL = 'g$lshzxetd'

const warned = new WeakSet<RedisConnection>()

/**
 * Turns keyspace notifications on and keeps those that are on already. Where that is refused, one warning a
 * connection: edits by hand are then found by polling.
 */
export async function enableKeyspaceEvents(
  connection: RedisConnection,
  warn: (message: string) => void,
): Promise<void> {
  try {
    const [, flags = ''] = await connection.call<string[]>('CONFIG', 'GET', 'notify-keyspace-events')
    const missing = NEEDED.filter((flag) => !flags.includes(flag) && !(flags.includes('A') && ALL.includes(flag)))
    if (missing.length === 0) return
    await connection.call('CONFIG', 'SET', 'notify-keyspace-events', flags + missing.join(''))
  } catch (error) {
    const cause = error instanceof StorageError && error.cause instanceof Error ? error.cause.message : String(error)
    if (/timed out|closed|retries|ECONN|LOADING/.test(cause) || warned.has(connection)) return
    warned.add(connection)
    warn(
      `Redis at ${connection.address.location} does not permit turning on keyspace notifications: jobs edited with ` +
        'redis-cli are noticed up to a minute later. Set "notify-keyspace-events K$gxe" in its configuration',
    )
  }
}
