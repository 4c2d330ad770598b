import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStores } from '#storage/index.ts'
import { rawSqlite, testDirectory } from '../support/backends.ts'
import { waitFor } from '../support/wait-for.ts'
import { expectCode } from './conformance/storage-test.ts'

function place(busyTimeoutMs: number) {
  return { type: 'sqlite' as const, path: join(testDirectory(), 'infer.db'), warn: () => {}, busyTimeoutMs }
}

test('a lock that stays taken is E_BUSY, nothing is written, and the process goes on meanwhile', async () => {
  const options = place(1_000)
  await using stores = await openStores(options)
  const holder = rawSqlite(options)
  holder.exec('begin immediate')
  let ticks = 0
  const timer = setInterval(() => ticks++, 5)
  await expectCode(stores.shellHistory.append('ls'), 'E_BUSY')
  clearInterval(timer)
  // Had the driver waited itself, not one tick would have come through.
  expect(ticks).toBeGreaterThan(5)
  holder.exec('rollback')
  expect(await stores.shellHistory.load(0)).toEqual([])
  holder.close()
})

test('a lock that is freed in time is waited for', async () => {
  const options = place(30_000)
  await using stores = await openStores(options)
  const holder = rawSqlite(options)
  holder.exec('begin immediate')
  let done = false
  const written = stores.shellHistory.append('ls').then(() => {
    done = true
  })
  expect(await stores.shellHistory.load(0)).toEqual([])
  expect(done).toBe(false)
  holder.exec('commit')
  await written
  expect(await stores.shellHistory.load(0)).toEqual(['ls'])
  holder.close()
})

test('opening waits for a lock, and says when it stays taken', async () => {
  const options = { ...place(1_000), openTimeoutMs: 300 }
  const holder = rawSqlite(options)
  holder.exec('create table others (id integer); begin exclusive')
  await expectCode(openStores(options), 'E_BUSY')
  const opening = openStores({ ...options, openTimeoutMs: 30_000 })
  await waitFor('a moment', () => new Promise((resolve) => setTimeout(resolve, 100, true)))
  holder.exec('commit')
  await (await opening)[Symbol.asyncDispose]()
  holder.close()
})
