import { byDomain, type Damage, type DomainName } from '#storage/contract/damage.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { isId } from '#storage/rules/check.ts'
import { metadataFromDocument } from '#storage/rules/conversation-document.ts'
import { field } from '#storage/rules/fields.ts'
import { groupFromDocument } from '#storage/rules/group-document.ts'
import { runFromDocument } from '#storage/rules/run-document.ts'
import type { RedisConnection } from './connection.ts'
import { corrupt, readStored } from './corrupt.ts'
import { batches, loadJobs } from './job-records.ts'
import { keys } from './keys.ts'
import { RedisPlans } from './plans.ts'
import { prefixedIds } from './scan.ts'
import { stateFromText } from './state-text.ts'
import { allTexts } from './texts.ts'

/** What the keys hold that is not as this program writes it. Nothing is healed. */
export async function examineKeys(connection: RedisConnection): Promise<Damage[]> {
  const texts = async (domain: DomainName, hash: string, read: (id: string, text: string) => unknown) =>
    [...(await allTexts(connection, hash))].flatMap(([id, text]) => attempt(domain, id, () => read(id, text)))
  const object = (hash: string, id: string, text: string, read: (doc: JsonObject) => unknown) =>
    readStored(`${id} (${hash})`, text, read)
  const coordination = [...(await prefixedIds(connection, keys.coordination))].map((kind) => keys.coordination + kind)
  const damage = [
    ...(await examineConversations(connection)),
    ...(await texts('session_groups', keys.groups, (id, text) => object(keys.groups, id, text, groupFromDocument))),
    ...(await texts('job_states', keys.states, stateFromText)),
    ...(await examineRuns(connection)),
    ...(await examineJobs(connection)),
    ...(await new RedisPlans(connection).list()).unreadable.map(({ id, error }) => told('plans', id, error)),
    ...(
      await Promise.all(
        coordination.map((hash) =>
          texts('coordination', hash, (id, text) => object(hash, id, text.slice(text.indexOf(' ') + 1), (doc) => doc)),
        ),
      )
    ).flat(),
  ]
  return damage.sort(byDomain)
}

async function examineConversations(connection: RedisConnection): Promise<Damage[]> {
  const [indexed, described, filled] = await Promise.all([
    connection.call<string[]>('ZRANGE', keys.conversationIndex, 0, -1),
    prefixedIds(connection, keys.conversations),
    prefixedIds(connection, keys.entries),
  ])
  const damage: Damage[] = []
  const add = (id: string, problem: string, cure: string) => damage.push({ domain: 'conversations', id, problem, cure })
  const known = new Set(indexed)
  for (const id of known) {
    if (described.has(id) || filled.has(id)) continue
    add(id, 'the index names it, and it is not there', `redis-cli ZREM ${keys.conversationIndex} ${id}`)
  }
  for (const id of filled) {
    if (described.has(id)) continue
    add(id, 'its entries are there, the conversation is not', `redis-cli DEL ${keys.entries}${id}`)
  }
  for (const batch of batches([...described].sort())) {
    for (const id of batch) {
      damage.push(...(await attemptLater('conversations', id, () => examineConversation(connection, id))))
      if (known.has(id)) continue
      const cure = `redis-cli ZADD ${keys.conversationIndex} ${Date.now()} ${id}`
      add(id, 'it is not in the index, so no list shows it', cure)
    }
  }
  return damage
}

async function examineConversation(connection: RedisConnection, id: string): Promise<void> {
  const key = keys.conversations + id
  if (!isId(id)) throw corrupt(key, 'its name is no id of a conversation')
  const text = await connection.call<string | null>('GET', key)
  if (text === null) return
  readStored(key, text, (doc) => metadataFromDocument({ ...doc, id }))
  for (const [n, entry] of (await connection.call<string[]>('LRANGE', keys.entries + id, 0, -1)).entries()) {
    readStored(`entry ${n} of ${keys.entries}${id}`, entry, (doc) => field.object(doc, 'message'))
  }
}

async function examineRuns(connection: RedisConnection): Promise<Damage[]> {
  const stored = await allTexts(connection, keys.runs)
  const ordered = new Set(await connection.call<string[]>('ZRANGE', keys.runOrder, 0, -1))
  const damage: Damage[] = []
  for (const id of ordered) {
    if (stored.has(id)) continue
    const cure = `redis-cli ZREM ${keys.runOrder} ${id}`
    damage.push({ domain: 'job_runs', id, problem: 'the order of runs names it, and it is not there', cure })
  }
  for (const [id, text] of stored) {
    const found = attempt('job_runs', id, () => {
      const run = readStored(`run ${id} (${keys.runs})`, text.slice(text.indexOf(' ') + 1), runFromDocument)
      if (run.id !== id || !text.startsWith(`${run.jobId} `)) throw corrupt(`run ${id}`, 'it holds another run')
    })
    damage.push(...found)
    if (found.length > 0 || ordered.has(id)) continue
    const problem = 'it is not in the order of runs, so no list shows it'
    damage.push({ domain: 'job_runs', id, problem, cure: `redis-cli HDEL ${keys.runs} ${id}` })
  }
  return damage
}

async function examineJobs(connection: RedisConnection): Promise<Damage[]> {
  const [indexed, defined] = await Promise.all([
    connection.call<string[]>('HKEYS', keys.jobIndex),
    prefixedIds(connection, keys.jobs),
  ])
  const damage: Damage[] = []
  for (const id of indexed) {
    if (defined.has(id)) continue
    const cure = `redis-cli HDEL ${keys.jobIndex} ${id}; a daemon that looks also removes it`
    damage.push({ domain: 'scheduled_jobs', id, problem: 'the index names it, and it is not there', cure })
  }
  const { unreadable } = await loadJobs(connection, [...defined])
  // One whose state cannot be read is told as a state.
  return [
    ...damage,
    ...unreadable
      .filter(({ error }) => !error.message.startsWith('the scheduling state'))
      .map(({ id, error }) => told('scheduled_jobs', id, error)),
  ]
}

function attempt(domain: DomainName, id: string, read: () => unknown): Damage[] {
  try {
    read()
    return []
  } catch (error) {
    return [told(domain, id, error)]
  }
}

async function attemptLater(domain: DomainName, id: string, read: () => Promise<unknown>): Promise<Damage[]> {
  try {
    await read()
    return []
  } catch (error) {
    return [told(domain, id, error)]
  }
}

function told(domain: DomainName, id: string, error: unknown): Damage {
  if (!(error instanceof StorageError) || error.code === 'E_UNAVAILABLE') throw error
  return { domain, id, problem: error.message, cure: error.hint ?? 'correct or delete it with redis-cli' }
}
