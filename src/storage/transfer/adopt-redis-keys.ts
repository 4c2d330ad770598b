import type { RedisConnection } from '#storage/redis/connection.ts'
import { parseObject } from '#storage/rules/fields.ts'
import { versionOf } from './adopt-data.ts'

/** The keys of the Go CLI. */
export const GO_KEYS = {
  /** Prefix of the metadata of conversations; their entries have `:entries` behind the id. */
  conversation: 'conversation:',
  /** Sorted set of ids by time. */
  conversations: 'conversations:index',
  groups: 'session_groups',
  plans: 'plans:',
  history: 'shell_history',
  jobs: 'scheduled_jobs:',
} as const

/** Ids that only a walk through all keys finds. */
export interface GoIds {
  jobs: string[]
  plans: string[]
}

/** The version of a plan or job: a run of a job does not change it. */
export function definitionVersion(text: string): string {
  try {
    const { last_run: _, last_error: __, ...definition } = parseObject(text)
    return versionOf(definition)
  } catch {
    return versionOf(text)
  }
}

export async function textsOf(
  redis: RedisConnection,
  prefix: string,
  ids: readonly string[],
): Promise<(string | null)[]> {
  return ids.length === 0 ? [] : await redis.call<(string | null)[]>('MGET', ...ids.map((id) => prefix + id))
}
