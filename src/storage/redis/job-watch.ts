import type { Redis } from 'ioredis'
import type { WatchSource } from '#storage/rules/watch.ts'
import { disconnect, type RedisConnection } from './connection.ts'
import { JobIndex } from './job-index.ts'
import { loadJobs } from './job-records.ts'
import { changesChannel, keys, keyspacePattern } from './keys.ts'
import { enableKeyspaceEvents } from './keyspace-events.ts'
import { serverError } from './server-error.ts'

/** The jobs of one database as a source for `watchJobs`. */
export function redisWatchSource(
  connection: RedisConnection,
  options: { fullListMs: number; warn: (message: string) => void },
): WatchSource {
  const index = new JobIndex(connection, options.fullListMs)
  let subscriber: Redis | undefined
  return {
    backend: 'redis',
    async listen(hint, signal) {
      subscriber = subscribe(connection, index, hint, options.warn)
      const client = subscriber
      const end = () => client.disconnect()
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
      return {
        async [Symbol.asyncDispose]() {
          signal.removeEventListener('abort', end)
          await disconnect(client)
        },
      }
    },
    async changed() {
      // A dead connection that nobody writes to is never noticed: the reply to this is what proves it alive.
      subscriber?.ping().catch(() => undefined)
      return await index.changed()
    },
    index: () => index.current(),
    load: (ids) => loadJobs(connection, ids),
  }
}

/** Hears of writes and of edits by hand. Each new connection begins with a full list: something may have been missed. */
function subscribe(
  connection: RedisConnection,
  index: JobIndex,
  hint: () => void,
  warn: (message: string) => void,
): Redis {
  const { db, location } = connection.address
  const client = connection.subscriber()
  const refused = new Set<string>()
  const attempt = async (channel: string, subscribing: Promise<unknown>) => {
    try {
      await subscribing
    } catch (error) {
      const { message, code } = serverError(error, location)
      const final = error instanceof Error && error.message.startsWith('NOPERM')
      if (final && !refused.has(channel)) warn(`${message}: ${channel} cannot be heard (${code}), changes are polled`)
      refused.add(channel)
    }
  }
  client.on('error', () => undefined)
  client.on('ready', () => {
    const subscribed = [
      attempt(changesChannel(db), client.subscribe(changesChannel(db))),
      attempt(keyspacePattern(db), client.psubscribe(keyspacePattern(db))),
      enableKeyspaceEvents(connection, warn),
    ]
    void Promise.all(subscribed).then(() => {
      index.doubt()
      hint()
    })
  })
  client.on('message', (_channel: string, message: string) => {
    index.told(message)
    hint()
  })
  client.on('pmessage', (_pattern: string, channel: string) => {
    index.suspect(channel.slice(channel.indexOf(keys.jobs) + keys.jobs.length))
    hint()
  })
  return client
}
