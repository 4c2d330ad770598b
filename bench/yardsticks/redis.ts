import { hash, randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { keys } from '#storage/redis/keys.ts'
import type { PlaceOptions } from '../places.ts'
import { details, entry } from '../samples.ts'
import { CONVERSATION, TEMPLATE, type Yardstick } from './yardstick.ts'

/**
 * ioredis with the plain commands of a write in one MULTI, sent together: one round trip. A PUBLISH is no durable
 * write, so there is none.
 *
 * - append: RPUSH the entry, SET the metadata, ZADD to the index and to the index of those without a title
 * - createJob: HSET the state, HSET the index, SET the definition, SET the generation
 * - changeJob: the same without the state
 * - addCommand: RPUSH alone
 */
export async function redisYardstick({ url }: PlaceOptions['redis']): Promise<Yardstick> {
  const redis = new Redis(url)
  const job = await stored(redis.get(keys.jobs + TEMPLATE))
  const state = await stored(redis.hget(keys.states, TEMPLATE))
  const metadata = await stored(redis.get(keys.conversations + CONVERSATION))
  const definition = (id: string, text: string) =>
    redis
      .multi()
      .hset(keys.jobIndex, id, hash('sha1', text))
      .set(keys.jobs + id, text)
      .set(keys.generation, randomUUID())
  return {
    async append(length) {
      const score = details(length).updatedAt.getTime()
      await redis
        .multi()
        .rpush(keys.entries + CONVERSATION, JSON.stringify(entry(length)))
        .set(keys.conversations + CONVERSATION, metadata)
        .zadd(keys.conversationIndex, score, CONVERSATION)
        .zadd(keys.untitled, score, CONVERSATION)
        .exec()
    },
    async createJob(id) {
      await definition(id, job.replaceAll(TEMPLATE, id)).hset(keys.states, id, state).exec()
    },
    async changeJob(id, prompt) {
      await definition(id, JSON.stringify({ ...JSON.parse(job), id, prompt })).exec()
    },
    async addCommand(command) {
      await redis.rpush(keys.history, command)
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect()
    },
  }
}

async function stored(text: Promise<string | null>): Promise<string> {
  const found = await text
  if (found === null) throw new Error('the template is not where the yardstick looks for it')
  return found
}
