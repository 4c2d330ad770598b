import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { rawSqlite, testDirectory } from '../support/backends.ts'
import { details, entries } from './conformance/samples.ts'
import { expectCode } from './conformance/storage-test.ts'

/** Writes that are asked for at the same moment share one transaction; none of them must notice. */

function place(busyTimeoutMs = 10_000) {
  return { type: 'sqlite' as const, path: join(testDirectory(), 'infer.db'), warn: () => {}, busyTimeoutMs }
}

const append = (stores: Stores, id: string, expectedLength = 0) =>
  stores.conversations.append(id, { expectedLength, entries: entries(1), metadata: details() })

async function lengths(stores: Stores): Promise<Record<string, number>> {
  const { conversations } = await stores.conversations.list({ limit: 0, offset: 0 })
  return Object.fromEntries(conversations.map(({ id, messageCount }) => [id, messageCount]))
}

/** Commits in the log of a database: of the pages of each, the last one says how large the database is then. */
function commits(path: string): number {
  const log = readFileSync(`${path}-wal`)
  const pageSize = log.readUInt32BE(8)
  const salt = log.toString('hex', 16, 24)
  let count = 0
  for (let frame = 32; frame + 24 <= log.length; frame += 24 + pageSize) {
    if (log.toString('hex', frame + 8, frame + 16) === salt && log.readUInt32BE(frame + 4) > 0) count += 1
  }
  return count
}

test('twenty writes at once are one commit, and one that is refused changes nothing', async () => {
  const options = place()
  await using stores = await openStores(options)
  await append(stores, 'taken')
  const before = commits(options.path)
  const writes = Array.from({ length: 20 }, (_, n) => append(stores, `c${n}`))
  const outcomes = await Promise.allSettled([...writes, append(stores, 'taken', 0), append(stores, 'taken', 1)])
  expect(commits(options.path) - before).toBe(1)
  expect(outcomes.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1)
  await expectCode(Promise.reject((outcomes[20] as PromiseRejectedResult).reason), 'E_CONFLICT')
  expect(await lengths(stores)).toEqual({ ...Object.fromEntries(writes.map((_, n) => [`c${n}`, 1])), taken: 2 })
})

test('one whose statement fails after others of its own undoes those, and leaves its neighbours alone', async () => {
  const options = place()
  await using stores = await openStores(options)
  const raw = rawSqlite(options)
  raw.exec(`create trigger refuse before insert on infer_conversation_entries when new.conversation_id = 'bad'
    begin select raise(abort, 'refused'); end`)
  raw.close()
  const outcomes = await Promise.allSettled(['a', 'bad', 'b'].map((id) => append(stores, id)))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  await expectCode(Promise.reject((outcomes[1] as PromiseRejectedResult).reason), 'E_CORRUPT')
  expect(await lengths(stores)).toEqual({ a: 1, b: 1 })
})

test('one that makes the engine give up the transaction does not take the others with it', async () => {
  const options = place()
  await using stores = await openStores(options)
  const raw = rawSqlite(options)
  raw.exec(`create trigger give_up before insert on infer_conversation_entries when new.conversation_id = 'bad'
    begin select raise(rollback, 'given up'); end`)
  raw.close()
  const outcomes = await Promise.allSettled(['a', 'bad', 'b'].map((id) => append(stores, id)))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await lengths(stores)).toEqual({ a: 1, b: 1 })
})

test('behind a lock that stays taken all are E_BUSY after one wait, not one after the other', async () => {
  // One after the other would take longer than a test may.
  const options = place(1_000)
  await using stores = await openStores(options)
  const holder = rawSqlite(options)
  holder.exec('begin immediate')
  const ids = Array.from({ length: 40 }, (_, n) => `c${n}`)
  await Promise.all(ids.map((id) => expectCode(append(stores, id), 'E_BUSY')))
  holder.exec('rollback')
  holder.close()
  expect(await lengths(stores)).toEqual({})
})
