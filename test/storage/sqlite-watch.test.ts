import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openStores } from '#storage/index.ts'
import type { SqliteOptions } from '#storage/options.ts'
import { rawSqlite, testDirectory } from '../support/backends.ts'
import { job } from './conformance/samples.ts'
import { expectCode } from './conformance/storage-test.ts'
import { Watched } from './conformance/watched.ts'

const NEVER = 1_000_000
const HINT_ONLY = { hints: true, pollMs: NEVER, fullListMs: NEVER }
const POLL_ONLY = { hints: false, pollMs: 50, fullListMs: NEVER }

function place(watch: SqliteOptions['watch']): SqliteOptions {
  return { type: 'sqlite', path: join(testDirectory(), 'infer.db'), warn: () => {}, ...(watch && { watch }) }
}

/** What a person does to restore a copy: the side files of the former database go with it. */
function replace(path: string, by: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`)
  renameSync(by, path)
}

for (const [name, watch] of [
  ['the hint', HINT_ONLY],
  ['the poll', POLL_ONLY],
] as const) {
  test(`edits with the sqlite3 shell count: seen by ${name}`, async () => {
    const options = place(watch)
    await using stores = await openStores(options)
    await using watched = await Watched.synced(stores)
    const shell = rawSqlite(options)
    shell.exec(`insert into infer_scheduled_jobs (id, cron_expression, prompt) values ('j', '@daily', 'by hand')`)
    await watched.untilPrompt('j', 'by hand')
    expect(await stores.scheduledJobs.load('j')).toMatchObject({ enabled: true, catchUp: 'latest', overlap: 'skip' })
    shell.exec(`update infer_scheduled_jobs set prompt = 'other' where id = 'j'`)
    await watched.untilPrompt('j', 'other')
    shell.exec(`update infer_scheduled_jobs set overlap = 'sometimes' where id = 'j'`)
    await watched.until('j is unreadable', () => watched.changes.at(-1)?.type === 'unreadable')
    shell.exec(`update infer_scheduled_jobs set overlap = 'allow', id = 'k' where id = 'j'`)
    await watched.untilPrompt('k', 'other')
    await watched.untilPrompt('j', undefined)
    shell.exec('delete from infer_scheduled_jobs')
    await watched.untilPrompt('k', undefined)
    shell.close()
  })

  test(`a database that takes the place of the open one is noticed by ${name}, and used`, async () => {
    const options = place(watch)
    const other = { ...options, path: join(testDirectory(), 'other.db') }
    const replacement = await openStores(other)
    await replacement.scheduledJobs.save(job('j', { prompt: 'restored' }))
    await replacement[Symbol.asyncDispose]()
    await using stores = await openStores(options)
    await stores.scheduledJobs.save(job('old', { prompt: 'old' }))
    await using watched = await Watched.synced(stores)
    expect([...watched.jobs.keys()]).toEqual(['old'])
    replace(options.path, other.path)
    await watched.untilPrompt('j', 'restored')
    await watched.untilPrompt('old', undefined)
    await stores.scheduledJobs.save(job('new'))
    expect((await stores.scheduledJobs.list()).jobs.map(({ id }) => id)).toEqual(['j', 'new'])
  })
}

test('where the log of the former database still stands, neither is touched', async () => {
  const options = place(POLL_ONLY)
  const other = { ...options, path: join(testDirectory(), 'other.db') }
  await (await openStores(other))[Symbol.asyncDispose]()
  await using stores = await openStores(options)
  await stores.shellHistory.append('ls')
  renameSync(other.path, options.path)
  const before = [options.path, `${options.path}-wal`].map((path) => readFileSync(path))
  await expectCode(stores.shellHistory.append('ls'), 'E_CORRUPT')
  await expectCode(stores.shellHistory.load(0), 'E_CORRUPT')
  expect([options.path, `${options.path}-wal`].map((path) => readFileSync(path))).toEqual(before)
})

test('a database that is gone is an error, not an empty one', async () => {
  const options = place(POLL_ONLY)
  await using stores = await openStores(options)
  await stores.scheduledJobs.save(job('j', { prompt: 'kept' }))
  await using watched = await Watched.synced(stores)
  const aside = join(dirname(options.path), 'aside.db')
  renameSync(options.path, aside)
  await watched.until('unavailable', () => watched.changes.at(-1)?.type === 'unavailable')
  await expectCode(stores.shellHistory.append('ls'), 'E_UNAVAILABLE')
  expect(existsSync(options.path)).toBe(false)
  expect(watched.jobs.get('j')?.prompt).toBe('kept')
  renameSync(aside, options.path)
  await watched.until('synced again', () => watched.changes.at(-1)?.type === 'synced')
  expect(watched.jobs.get('j')?.prompt).toBe('kept')
})
