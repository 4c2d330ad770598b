import { randomUUID } from 'node:crypto'
import { StorageError } from '#storage/contract/errors.ts'
import { type RedisConnection, script } from './connection.ts'
import { keys } from './keys.ts'

/** Number of the schema that this release writes. */
export const SCHEMA = 1

/** One script is the lock: the first opener sets the number, every other one reads it. */
const PREPARE = script(`
local stored = redis.call('GET', KEYS[1])
if stored then return stored end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
return ARGV[1]
`)

/** Refuses a newer schema (E_SCHEMA_NEWER) before any write; sets the number in an empty store when `migrate`. */
export async function prepareSchema(connection: RedisConnection, migrate: boolean): Promise<void> {
  const stored = await connection.call<string | null>('GET', keys.schema)
  if (stored === null && !migrate) return
  check(
    connection,
    stored ?? (await connection.run<string>(PREPARE, [keys.schema, keys.generation], [SCHEMA, token()])),
  )
}

/** Refuses when a newer release has taken over meanwhile. */
export async function checkSchema(connection: RedisConnection): Promise<void> {
  const stored = await connection.call<string | null>('GET', keys.schema)
  if (stored !== null) check(connection, stored)
}

function check(connection: RedisConnection, stored: string): void {
  const { location } = connection.address
  if (!/^\d+$/.test(stored)) {
    throw new StorageError('E_CORRUPT', 'redis', `${keys.schema} of Redis at ${location} is no number`)
  }
  if (Number(stored) > SCHEMA) {
    throw new StorageError(
      'E_SCHEMA_NEWER',
      'redis',
      `a newer release of infer has changed what Redis at ${location} holds (schema ${stored}, this one knows ${SCHEMA})`,
      { hint: 'update infer' },
    )
  }
}

/** Random text that was never used before: 32 hex digits. */
export function token(): string {
  return randomUUID().replaceAll('-', '')
}
