import { readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { StorageOptions } from '#storage/options.ts'
import { migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'
import { openView } from '#storage/transfer/import-view.ts'
import { makeBackend, rawPostgres, rawRedis, rawSqlite } from '../../support/backends.ts'
import { DATABASES, goFiles, putGoData, smallPlace, treeOf } from './import-places.ts'

/** Everything a dry run could change in a database, byte for byte where it is a file. */
async function contentOf(storage: StorageOptions): Promise<unknown> {
  switch (storage.type) {
    case 'sqlite':
      return treeOf(dirname(storage.path))
    case 'postgres': {
      const client = await rawPostgres(storage)
      const { rows: tables } = await client.query(
        `select schemaname, tablename from pg_tables where schemaname in ('public', 'infer') order by 1, 2`,
      )
      const rows: unknown[] = []
      for (const { schemaname, tablename } of tables) {
        rows.push((await client.query(`select xmin::text, * from ${schemaname}.${tablename} order by ctid`)).rows)
      }
      await client.end()
      return { tables, rows }
    }
    case 'redis': {
      const redis = rawRedis(storage)
      const keys = (await redis.keys('*')).sort()
      const dumps = await Promise.all(keys.map(async (key) => (await redis.dumpBuffer(key))?.toString('hex')))
      redis.disconnect()
      return { keys, dumps }
    }
    default:
      return undefined
  }
}

describe.each(DATABASES)('a dry run for %s', (type) => {
  test('changes no byte, row or key of an empty place, and says what a run does', async () => {
    await using backend = await makeBackend(type)
    const storage = backend.options()
    const place = goFiles('seed')
    const options = place.options(storage)
    const before = [treeOf(place.root), await contentOf(storage)]
    const times = statSync(place.schedules).mtimeMs
    const report = await migrateLegacyArtifacts(options, undefined, { dryRun: true, thorough: true })
    expect([treeOf(place.root), await contentOf(storage)]).toEqual(before)
    expect(statSync(place.schedules).mtimeMs).toBe(times)
    expect(report.renamed).toEqual([])
    const real = await migrateLegacyArtifacts(options, await backend.open(), { thorough: true })
    expect(report.artifacts).toEqual(real.artifacts)
    expect(real.artifacts).toHaveLength(15)
  })

  test('changes nothing where the Go CLI and we have data already', async () => {
    await using backend = await makeBackend(type)
    const storage = backend.options()
    await putGoData('later', storage)
    {
      await using view = await openView(storage)
      expect(view.schema).toEqual({ from: 0, to: 1 })
    }
    const options = smallPlace({ plans: 0 }).options(storage)
    const first = await contentOf(storage)
    const found = await migrateLegacyArtifacts(options, undefined, { dryRun: true, thorough: true })
    expect(await contentOf(storage)).toEqual(first)
    const stores = await backend.open()
    const real = await migrateLegacyArtifacts(options, stores, { thorough: true })
    expect(found.artifacts).toEqual(real.artifacts)
    expect(real.artifacts.filter(({ action }) => action !== 'import')).toEqual([])

    // The stores are open: the database is in use, its log is live.
    await stores.shellHistory.append('one more')
    const before = await contentOf(storage)
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith('infer-read-'))
    const again = await migrateLegacyArtifacts(options, undefined, { dryRun: true, thorough: true })
    expect(await contentOf(storage)).toEqual(before)
    expect(again.artifacts.filter(({ action }) => action !== 'already')).toEqual([])
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('infer-read-'))).toEqual(left)
    await using view = await openView(storage)
    expect(view.schema).toEqual({ from: 1, to: 1 })
    expect((await view.ledger()).map(({ source }) => source)).toEqual(
      expect.arrayContaining(['go-cli', 'go-cli state']),
    )
  })
})

test('a dry run leaves a closed SQLite database in WAL mode as it is', async () => {
  await using backend = await makeBackend('sqlite')
  const storage = backend.options()
  if (storage.type !== 'sqlite') throw new Error('not SQLite')
  const db = rawSqlite(storage)
  db.pragma('journal_mode = wal')
  db.exec('create table other (id integer)')
  db.close()
  const before = readFileSync(storage.path)
  await migrateLegacyArtifacts(smallPlace().options(storage), undefined, { dryRun: true })
  expect(readdirSync(dirname(storage.path))).toEqual(['infer.db'])
  expect(readFileSync(storage.path).equals(before)).toBe(true)
})
