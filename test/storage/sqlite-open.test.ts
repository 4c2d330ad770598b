import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openStores } from '#storage/index.ts'
import type { SqliteOptions } from '#storage/options.ts'
import { rawSqlite, testDirectory } from '../support/backends.ts'
import { StorageProcess } from '../support/storage-process.ts'
import { job } from './conformance/samples.ts'
import { expectCode } from './conformance/storage-test.ts'

function place(name = 'infer.db'): SqliteOptions {
  return { type: 'sqlite', path: join(testDirectory(), name), warn: () => {} }
}

/** Every file of the directory, by name, with a hash of its bytes. */
function bytesIn(directory: string): Record<string, string> {
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex')
  return Object.fromEntries(readdirSync(directory).map((name) => [name, hash(name)]))
}

test('a new database is private, and a new .infer gets its .gitignore', async () => {
  const options = place('work/.infer/deep/infer.db')
  await using _stores = await openStores(options)
  const infer = dirname(dirname(options.path))
  expect(statSync(options.path).mode & 0o777).toBe(0o600)
  expect(statSync(`${options.path}-wal`).mode & 0o777).toBe(0o600)
  expect(statSync(dirname(options.path)).mode & 0o777).toBe(0o700)
  expect(statSync(infer).mode & 0o777).toBe(0o700)
  expect(readFileSync(join(infer, '.gitignore'), 'utf8')).toMatch(/^\*$/m)
})

test('the journal is a write-ahead log', async () => {
  const options = place()
  await using _stores = await openStores(options)
  const raw = rawSqlite(options)
  expect(raw.pragma('journal_mode', { simple: true })).toBe('wal')
  raw.close()
})

test('the schema of a newer release is refused and not a byte is changed', async () => {
  const options = place()
  await (await openStores(options))[Symbol.asyncDispose]()
  const raw = rawSqlite(options)
  raw.prepare('insert into infer_migrations values (?, ?)').run(99, 'later')
  raw.close()
  const before = bytesIn(dirname(options.path))
  await expectCode(openStores(options), 'E_SCHEMA_NEWER')
  expect(bytesIn(dirname(options.path))).toEqual(before)
  expect(Object.keys(before)).toEqual(['infer.db'])
})

test('it is refused too while another process has it open, with the news still in the log', async () => {
  const options = place()
  await (await openStores(options))[Symbol.asyncDispose]()
  const raw = rawSqlite(options)
  raw.pragma('wal_autocheckpoint = 0')
  raw.prepare('insert into infer_migrations values (?, ?)').run(99, 'later')
  const before = bytesIn(dirname(options.path))
  await expectCode(openStores(options), 'E_SCHEMA_NEWER')
  const after = bytesIn(dirname(options.path))
  expect(after['infer.db']).toBe(before['infer.db'])
  expect(after['infer.db-wal']).toBe(before['infer.db-wal'])
  raw.close()
})

test('a newer schema that came meanwhile is told by health', async () => {
  const options = place()
  await using stores = await openStores(options)
  await stores.health()
  const raw = rawSqlite(options)
  raw.prepare('insert into infer_migrations values (?, ?)').run(99, 'later')
  await expectCode(stores.health(), 'E_SCHEMA_NEWER')
  raw.prepare('delete from infer_migrations where version = 99').run()
  await stores.health()
  raw.close()
})

test('two processes that open an empty place at once make one schema', async () => {
  const options = place()
  await using stack = new AsyncDisposableStack()
  const opened = await Promise.all([StorageProcess.open(options), StorageProcess.open(options)])
  for (const process of opened) stack.use(process)
  await Promise.all(opened.map((process, n) => process.call('save', job(`j${n}`))))
  const raw = rawSqlite(options)
  expect(raw.prepare('select version from infer_migrations').all()).toEqual([{ version: 1 }])
  expect(raw.prepare('select id from infer_scheduled_jobs order by id').all()).toEqual([{ id: 'j0' }, { id: 'j1' }])
  raw.close()
})

test('without migrate nothing is made', async () => {
  const options = { ...place(), migrate: false }
  await expectCode(openStores(options), 'E_UNAVAILABLE')
  expect(existsSync(options.path)).toBe(false)
  const raw = rawSqlite(options)
  raw.exec('create table others (id integer)')
  raw.close()
  const before = bytesIn(dirname(options.path))
  await expectCode(openStores(options), 'E_UNAVAILABLE')
  expect(bytesIn(dirname(options.path))).toEqual(before)
})

test('a file that is no database is left as it is', async () => {
  const options = place()
  writeFileSync(options.path, 'These are notes, not a database.\n'.repeat(200))
  const before = bytesIn(dirname(options.path))
  await expectCode(openStores(options), 'E_CORRUPT')
  expect(bytesIn(dirname(options.path))).toEqual(before)
})

test('tables of others in the same file stay as they are', async () => {
  const options = place()
  const raw = rawSqlite(options)
  raw.exec(`create table schema_migrations (version text); insert into schema_migrations values ('001');
    create table scheduled_jobs (id text); insert into scheduled_jobs values ('theirs')`)
  const stores = await openStores(options)
  await stores.scheduledJobs.save(job('ours'))
  expect((await stores.scheduledJobs.list()).jobs.map(({ id }) => id)).toEqual(['ours'])
  await stores[Symbol.asyncDispose]()
  expect(raw.prepare('select * from scheduled_jobs').all()).toEqual([{ id: 'theirs' }])
  expect(raw.prepare('select * from schema_migrations').all()).toEqual([{ version: '001' }])
  raw.close()
})
