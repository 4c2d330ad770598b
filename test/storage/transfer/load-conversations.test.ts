import { describe, expect, onTestFinished, test } from 'vitest'
import type { Conversation } from '#storage/contract/conversations.ts'
import type { Damage } from '#storage/contract/damage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { PostgresOptions, SqliteOptions } from '#storage/options.ts'
import { conversationLengths, loadConversations } from '#storage/transfer/load-conversations.ts'
import { makeBackend, rawPostgres, rawSqlite, type TestBackend } from '../../support/backends.ts'
import { details, entries } from '../conformance/samples.ts'
import { TRICKY } from './sample-data.ts'

/** More than one statement holds, of many short ones and of long ones. */
const SHORT = 450
const LONG = 3_000

describe.each(['sqlite', 'postgres'] as const)('%s', (type) => {
  test('many conversations come as if each was loaded on its own, in the order of their ids', async () => {
    const { backend, stores } = await filled(type)
    const told: Damage[] = []
    const lengths = await conversationLengths(stores, (damage) => told.push(damage))
    expect([...lengths.keys()]).toEqual([...lengths.keys()].sort())
    expect([lengths.size, lengths.get('long-1'), lengths.get('empty')]).toEqual([SHORT + 4, LONG, 0])
    const loaded = await all(stores, lengths, told)
    expect(loaded.map(({ metadata }) => metadata.id)).toEqual([...lengths.keys()])
    for (const one of [0, 199, 200, 201, loaded.length - 1].map((n) => loaded[n])) {
      expect(one).toEqual(await stores.conversations.load(one?.metadata.id ?? ''))
    }
    for (const id of ['empty', 'long-0', 'long-1', 'tricky']) {
      expect(loaded.find(({ metadata }) => metadata.id === id)).toEqual(await stores.conversations.load(id))
    }
    expect(told).toEqual([])
    await stores.conversations.delete('short-007')
    await damage(backend, type)
    const after = await all(stores, lengths, told)
    expect(after).toHaveLength(lengths.size - 3)
    expect(told.map(({ id }) => id)).toEqual(['short-100', 'short-101'])
    for (const { id, problem } of told) {
      const error = await stores.conversations.load(id).catch((caught: unknown) => caught)
      expect((error as Error).message).toBe(problem)
    }
  })
})

async function filled(type: 'sqlite' | 'postgres'): Promise<{ backend: TestBackend; stores: Stores }> {
  const backend = await makeBackend(type)
  onTestFinished(() => backend[Symbol.asyncDispose]())
  const stores = await backend.open()
  const made = (id: string, count: number, title = 'A title') => ({
    metadata: { ...details({ title }), id, messageCount: count },
    entries: entries(count),
  })
  await stores.conversations.createAll([
    ...Array.from({ length: SHORT }, (_, n) => made(`short-${String(n).padStart(3, '0')}`, 1 + (n % 3))),
    made('long-0', LONG),
    made('long-1', LONG),
    made('empty', 0),
    made('tricky', 2, TRICKY),
  ])
  return { backend, stores }
}

async function all(stores: Stores, lengths: ReadonlyMap<string, number>, told: Damage[]): Promise<Conversation[]> {
  const loaded: Conversation[] = []
  for await (const one of loadConversations(stores, lengths, (damage) => told.push(damage))) loaded.push(one)
  return loaded
}

/** The first entry of one is gone, the metadata of another is no JSON. */
async function damage(backend: TestBackend, type: 'sqlite' | 'postgres'): Promise<void> {
  const prefix = type === 'sqlite' ? 'infer_' : 'infer.'
  const statements = [
    `delete from ${prefix}conversation_entries where conversation_id = 'short-100' and seq = 0`,
    `update ${prefix}conversations set document = 'what' where id = 'short-101'`,
  ]
  if (type === 'sqlite') {
    const db = rawSqlite(backend.options() as SqliteOptions)
    for (const statement of statements) db.exec(statement)
    db.close()
    return
  }
  const client = await rawPostgres(backend.options() as PostgresOptions)
  for (const statement of statements) await client.query(statement)
  await client.end()
}
