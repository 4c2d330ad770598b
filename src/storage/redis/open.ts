import type { Stores } from '#storage/contract/stores.ts'
import type { RedisOptions } from '#storage/options.ts'
import { coordination } from '#storage/rules/coordination.ts'
import { watchJobs } from '#storage/rules/watch.ts'
import { redisAddress } from './address.ts'
import { RedisConnection } from './connection.ts'
import { RedisConversations } from './conversations.ts'
import { redisDocuments } from './documents.ts'
import { redisImports } from './imports.ts'
import { redisJobRecords } from './job-records.ts'
import { redisJobRuns } from './job-runs.ts'
import { redisJobStorage } from './job-storage.ts'
import { redisWatchSource } from './job-watch.ts'
import { RedisPlans } from './plans.ts'
import { checkSchema, prepareSchema } from './schema.ts'
import { checkServer } from './server-check.ts'
import { RedisSessionGroups } from './session-groups.ts'
import { RedisShellHistory } from './shell-history.ts'

const OPEN_TIMEOUT_MS = 5_000
const POLL_MS = 2_000
const FULL_LIST_MS = 60_000

/**
 * Opens Redis: connects, looks at the server (cluster, replica, persistence, eviction), and checks the schema.
 *
 * Every write is one command or one script, so others never see half of it. How durable a confirmed write is, the
 * server's persistence decides; after a failover a claim may be lost that the new primary never heard of.
 *
 * Throws E_INVALID for the address, E_UNAVAILABLE, E_SCHEMA_NEWER, E_CORRUPT, E_FULL.
 */
export async function openRedis(options: RedisOptions): Promise<Stores> {
  const { warn, openTimeoutMs = OPEN_TIMEOUT_MS, readOnly = false, migrate = !readOnly } = options
  const connection = await RedisConnection.open(redisAddress(options), openTimeoutMs)
  try {
    await checkServer(connection, warn)
    await prepareSchema(connection, migrate)
  } catch (error) {
    await connection.close()
    throw error
  }
  return redisStores(connection, options)
}

function redisStores(connection: RedisConnection, { warn, watch = {}, readOnly }: RedisOptions): Stores {
  const { hints = true, pollMs = POLL_MS, fullListMs = FULL_LIST_MS } = watch
  const closing = new AbortController()
  const records = redisJobRecords(connection)
  return {
    type: 'redis',
    location: connection.address.location,
    capabilities: { shared: true, durable: true, multiHost: true },
    conversations: new RedisConversations(connection, readOnly),
    sessionGroups: new RedisSessionGroups(connection),
    scheduledJobs: {
      defaultTimezone: 'UTC',
      ...redisJobStorage(connection, records),
      watch: ({ signal }) =>
        watchJobs(redisWatchSource(connection, { fullListMs, warn }), {
          signal: AbortSignal.any([signal, closing.signal]),
          hints,
          pollMs,
          fullListMs,
        }),
    },
    jobRuns: redisJobRuns(connection, records),
    plans: new RedisPlans(connection),
    shellHistory: new RedisShellHistory(connection),
    coordination: { ...coordination(redisDocuments(connection)), ...redisImports(connection) },
    health: () => checkSchema(connection),
    examine: async () => await (await import('./examine.ts')).examineKeys(connection),
    async [Symbol.asyncDispose]() {
      closing.abort()
      await connection.close()
    },
  }
}
