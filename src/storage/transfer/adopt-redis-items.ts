import type { RedisConnection } from '#storage/redis/connection.ts'
import { DocumentError, parseObject } from '#storage/rules/fields.ts'
import { type GoData, type GoItem, versionOf } from './adopt-data.ts'
import { conversationRecord, groupRecord, jobRecord, planRecord } from './adopt-items.ts'
import { definitionVersion, GO_KEYS, type GoIds, textsOf } from './adopt-redis-keys.ts'

const PAGE = 500

/** What there is of each kind, jobs last. */
export function redisItems(redis: RedisConnection, { jobs, plans }: GoIds): Awaited<ReturnType<GoData['domains']>> {
  const { conversation, groups: group, plans: plan, history: list, jobs: job } = GO_KEYS
  return [
    { kind: 'conversation', place: `keys ${conversation}*`, items: conversations(redis) },
    { kind: 'session_group', place: `hash ${group}`, items: groups(redis) },
    { kind: 'plan', place: `keys ${plan}*`, items: documents(redis, plan, plans, planRecord) },
    { kind: 'history', place: `list ${list}`, items: history(redis) },
    { kind: 'schedule', place: `keys ${job}*`, items: documents(redis, job, jobs, jobRecord) },
  ]
}

async function* conversations(redis: RedisConnection): AsyncGenerator<GoItem> {
  const scores = await redis.call<string[]>('ZRANGE', GO_KEYS.conversations, 0, -1, 'WITHSCORES')
  for (let i = 0; i + 1 < scores.length; i += 2) {
    const id = scores[i] ?? ''
    const load = async () => {
      const [metadata, entries] = await redis.call<(string | null)[]>(
        'MGET',
        GO_KEYS.conversation + id,
        `${GO_KEYS.conversation}${id}:entries`,
      )
      if (metadata == null) throw new DocumentError(`the key ${GO_KEYS.conversation}${id} is missing`)
      return conversationRecord(id, parseObject(metadata), entries ?? '[]')
    }
    yield { id, version: versionOf(scores[i + 1]), load }
  }
}

async function* groups(redis: RedisConnection): AsyncGenerator<GoItem> {
  const fields = await redis.call<string[]>('HGETALL', GO_KEYS.groups)
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [id = '', text = ''] = [fields[i], fields[i + 1]]
    yield { id, version: versionOf(text), load: async () => groupRecord(id, parseObject(text)) }
  }
}

/** That program puts new lines in front, so a line's position counts from the end of the list, the oldest. */
async function* history(redis: RedisConnection): AsyncGenerator<GoItem> {
  for (let before = 0; ; before += PAGE) {
    const lines = await redis.call<string[]>('LRANGE', GO_KEYS.history, -before - PAGE, -before - 1)
    for (const [index, command] of lines.reverse().entries()) {
      const load = async () => ({ kind: 'history', command }) as const
      yield { id: String(before + index + 1), version: versionOf(command), load }
    }
    if (lines.length < PAGE) return
  }
}

async function* documents(
  redis: RedisConnection,
  prefix: string,
  ids: readonly string[],
  recordOf: typeof planRecord,
): AsyncGenerator<GoItem> {
  for (let first = 0; first < ids.length; first += PAGE) {
    const some = ids.slice(first, first + PAGE)
    const texts = await textsOf(redis, prefix, some)
    for (const [index, id] of some.entries()) {
      const text = texts[index]
      if (text == null) continue
      yield { id, version: definitionVersion(text), load: async () => recordOf({ ...parseObject(text), id }) }
    }
  }
}
