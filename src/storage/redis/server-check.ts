import { StorageError } from '#storage/contract/errors.ts'
import type { RedisConnection } from './connection.ts'

/**
 * Looks at what the server is before anything is written. Throws E_UNAVAILABLE for a cluster and for a read-only
 * replica; warns when what we store may be lost: no persistence, or keys that may be evicted. Our keys never expire,
 * so only the `allkeys-*` policies can drop them, and only under a memory limit.
 */
export async function checkServer(connection: RedisConnection, warn: (message: string) => void): Promise<void> {
  const [info, savePoints] = await Promise.all([
    unlessRefused(connection.call<string>('INFO')),
    unlessRefused(connection.call<string[]>('CONFIG', 'GET', 'save')),
  ])
  const server = `Redis at ${connection.address.location}`
  if (info === undefined) {
    warn(`${server} does not permit INFO: whether it persists its data and keeps every key could not be checked`)
    return
  }
  const facts = infoFields(info)
  if (facts.get('cluster_enabled') === '1') {
    throw new StorageError('E_UNAVAILABLE', 'redis', `${server} is part of a cluster, which is not supported`, {
      hint: 'use a server that is no cluster, or storage.type postgres',
    })
  }
  if (facts.get('role') === 'slave' && facts.get('slave_read_only') !== '0') {
    throw new StorageError('E_UNAVAILABLE', 'redis', `${server} is a read-only replica`, {
      hint: 'give the address of the primary',
    })
  }
  warnOfLoss(server, facts, savePoints?.[1], warn)
}

function warnOfLoss(
  server: string,
  facts: ReadonlyMap<string, string>,
  savePoints: string | undefined,
  warn: (message: string) => void,
): void {
  if (facts.get('aof_enabled') !== '1') {
    if (savePoints === undefined) {
      warn(`${server} has no append-only file and does not permit CONFIG: whether it persists could not be checked`)
    } else if (savePoints === '') {
      warn(`${server} does not persist: its restart loses everything. Set "appendonly yes" in its configuration`)
    }
  }
  const policy = facts.get('maxmemory_policy') ?? 'noeviction'
  const limit = facts.get('maxmemory') ?? '0'
  if (policy.startsWith('allkeys-') && limit !== '0') {
    warn(
      `${server} may drop our keys when its memory is full (maxmemory ${limit}, maxmemory-policy ${policy}). ` +
        'Set "maxmemory-policy noeviction" or a "volatile-" policy',
    )
  }
}

/** Undefined when the server forbids the command or does not have it, as managed ones do. */
async function unlessRefused<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply
  } catch (error) {
    const cause = error instanceof StorageError && error.cause instanceof Error ? error.cause.message : ''
    if (/NOPERM|unknown command|unknown subcommand|not allowed|disabled/i.test(cause)) return undefined
    throw error
  }
}

function infoFields(info: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return fields
}
