import { Redis } from 'ioredis'
import type { ScheduledJobChange, ScheduledJobStorage } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { RedisOptions } from '#storage/options.ts'
import { openRedis } from '#storage/redis/open.ts'
import { waitFor } from '../support/wait-for.ts'

/** Options for a server, with the parts that a URL leaves out. */
export function redisOptions(url: string, changes: Partial<RedisOptions> = {}): RedisOptions {
  const parts = { host: '127.0.0.1', port: 6379, username: '', password: '', db: 0, tls: false }
  return { type: 'redis', url, ...parts, warn: () => {}, ...changes }
}

/** Opens, and closes whatever happens. */
export async function withRedis<T>(options: RedisOptions, use: (stores: Stores) => Promise<T>): Promise<T> {
  await using stores = await openRedis(options)
  return await use(stores)
}

/** A plain client, as a person with redis-cli has it. */
export async function withClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url)
  client.on('error', () => {})
  try {
    return await use(client)
  } finally {
    client.disconnect()
  }
}

/** The sentences that opening warns with. */
export async function warningsOf(options: RedisOptions): Promise<string[]> {
  const warnings: string[] = []
  await withRedis({ ...options, warn: (message) => warnings.push(message) }, async () => {})
  return warnings
}

/** A watch that runs until it is disposed, and what it has told. */
export class Watching implements AsyncDisposable {
  readonly changes: ScheduledJobChange[] = []
  readonly #stop = new AbortController()
  readonly #done: Promise<void>

  constructor(jobs: ScheduledJobStorage) {
    this.#done = this.#read(jobs)
  }

  async #read(jobs: ScheduledJobStorage): Promise<void> {
    for await (const change of jobs.watch({ signal: this.#stop.signal })) this.changes.push(change)
  }

  /** The prompts of the jobs by id, as the changes so far leave them; unreadable ones are `unreadable`. */
  get prompts(): Record<string, string> {
    const prompts: Record<string, string> = {}
    for (const change of this.changes) {
      if (change.type === 'saved') prompts[change.job.id] = change.job.prompt
      else if (change.type === 'unreadable') prompts[change.id] = 'unreadable'
      else if (change.type === 'deleted') delete prompts[change.id]
    }
    return prompts
  }

  async until(what: string, holds: (prompts: Record<string, string>) => boolean): Promise<void> {
    await waitFor(what, () => holds(this.prompts))
  }

  async synced(): Promise<void> {
    const state = () => this.changes.findLast(({ type }) => type === 'synced' || type === 'unavailable')
    await waitFor('synced', () => state()?.type === 'synced')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#done
  }
}
