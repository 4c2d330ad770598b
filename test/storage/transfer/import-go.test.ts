import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { machineZone } from '#cron/index.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'
import { makeBackend, rawPostgres, rawRedis, rawSqlite } from '../../support/backends.ts'
import {
  DATABASES,
  documentsOf,
  expectedOf,
  goFiles,
  oldPlace,
  putGoData,
  RELEASES,
  toMilliseconds,
} from './import-places.ts'

/** As it is stored: with the zone of the machine, and without what is empty. */
function jobsWithZone(jobs: readonly JsonObject[]) {
  return toMilliseconds(
    jobs.map((job) => (/^(CRON_)?TZ=/.test(String(job.cron_expression)) ? job : { ...job, timezone: machineZone() })),
  )
}

describe.each(DATABASES)('into %s', (type) => {
  test('the files of the older release come in with every field, and are kept', async () => {
    await using backend = await makeBackend(type)
    const place = goFiles('seed')
    const go = expectedOf('seed')
    const stores = await backend.open()
    const before = await stores.jobRuns.now()
    const report = await migrateLegacyArtifacts(place.options(backend.options()), stores)
    const stored = await documentsOf(stores)
    expect(stored.unreadable).toEqual([])
    expect(stored.jobs).toEqual(jobsWithZone(go.jobs ?? []))
    expect(stored.history).toEqual(go.history)
    expect(stored.plans.map(({ id, title, body }) => ({ id, file: `# ${title}\n\n${body}` })).sort(byId)).toEqual(
      (go.plans ?? []).toSorted(byId),
    )
    for (const { id } of await (await stores.scheduledJobs.list()).jobs) {
      expect((await stores.jobRuns.state(id))?.cursor.getTime(), id).toBeGreaterThanOrEqual(before.getTime())
    }
    expect(report.warnings).toEqual([])
    expect(report.artifacts.filter(({ action }) => action !== 'import')).toEqual([])
    expect(report.renamed.map(({ from }) => from)).toEqual([place.schedules, place.plans, place.history])
    expect(readdirSync(`${place.home}/.infer`)).toEqual([expect.stringMatching(/^schedules\.migrated-\d{8}T\d{6}Z$/)])
    expect(readdirSync(`${place.work}/.infer`).sort()).toEqual([
      'conversations',
      expect.stringMatching(/^history\.migrated-/),
      expect.stringMatching(/^plans\.migrated-/),
      'session_groups.json',
    ])
    const again = await migrateLegacyArtifacts(place.options(backend.options()), stores)
    expect(again).toMatchObject({ artifacts: [], renamed: [], warnings: [], notes: [] })
  })

  test('the files of the newer release come in from where it keeps them', async () => {
    await using backend = await makeBackend(type)
    const place = goFiles('later')
    const go = expectedOf('later')
    const stores = await backend.open()
    await migrateLegacyArtifacts(place.options(backend.options()), stores)
    const stored = await documentsOf(stores)
    expect(stored.jobs).toEqual(jobsWithZone(go.jobs_jsonl as JsonObject[]))
    expect(stored.plans).toEqual(toMilliseconds(go.plans_jsonl))
    expect(stored.history).toEqual(go.history_jsonl)
    expect(readdirSync(`${place.work}/.infer`).sort()).toEqual([
      'conversations',
      expect.stringMatching(/^history\.migrated-/),
      expect.stringMatching(/^schedules\.migrated-/),
      'session_groups.json',
    ])
  })

  const releases = type === 'postgres' ? (['later'] as const) : RELEASES
  test.each(releases)('what the Go CLI has in the same database (%s) comes in with every field', async (release) => {
    await using backend = await makeBackend(type)
    const storage = backend.options()
    await putGoData(release, storage)
    const go = expectedOf(release)
    const stores = await backend.open()
    const place = oldPlace()
    const before = await foreign(storage)
    const notices: string[] = []
    const report = await migrateLegacyArtifacts(place.options(storage), stores, {
      onNotice: (sentence) => notices.push(sentence),
    })
    expect(report.warnings).toEqual([])
    const stored = await documentsOf(stores)
    expect(stored.unreadable).toEqual([])
    expect(stored.conversations).toEqual(expectedConversations(go[`conversations_${type}`]))
    expect(stored.groups).toEqual(toMilliseconds(go[`groups_${type}`]))
    if (release === 'later') {
      expect(stored.jobs).toEqual(jobsWithZone(go[`jobs_${type}`] as JsonObject[]))
      expect(stored.plans).toEqual(toMilliseconds(go[`plans_${type}`]))
      expect(stored.history).toEqual(go[`history_${type}`])
      expect(notices).toEqual([expect.stringContaining('stop its daemon')])
    } else expect(notices).toEqual([])
    expect(await foreign(storage)).toEqual(before)
    // A second look finds the same state and does not read the records.
    const again = await migrateLegacyArtifacts(place.options(storage), stores)
    expect(again.artifacts).toEqual([])
    const thorough = await migrateLegacyArtifacts(place.options(storage), stores, { thorough: true })
    expect(thorough.artifacts.map(({ action }) => action)).toEqual(thorough.artifacts.map(() => 'already'))
    expect(await documentsOf(stores)).toEqual(stored)
  })

  test('what the Go CLI adds later comes in at the next start, and what it changes is said once', async () => {
    await using backend = await makeBackend(type)
    const storage = backend.options()
    await putGoData('later', storage)
    const stores = await backend.open()
    const options = oldPlace().options(storage)
    await migrateLegacyArtifacts(options, stores)
    const [gone, changed] = (await stores.scheduledJobs.list()).jobs
    if (!gone || !changed) throw new Error('no jobs')
    await stores.scheduledJobs.delete(gone.id)
    await changeGoData(storage, { gone: gone.id, changed: changed.id })
    const next = await migrateLegacyArtifacts(options, stores)
    expect(next.artifacts.filter(({ action }) => action === 'import')).toEqual([
      expect.objectContaining({ kind: 'history', id: '21' }),
      expect.objectContaining({ kind: 'schedule', id: 'added' }),
    ])
    expect(next.warnings).toEqual([expect.stringContaining(`schedule ${changed.id}`)])
    expect((await stores.scheduledJobs.load(changed.id)).prompt).toBe(changed.prompt)
    expect((await stores.scheduledJobs.list()).jobs.map(({ id }) => id)).not.toContain(gone.id)
    expect((await stores.shellHistory.load(1))[0]).toBe('added line')
    const last = await migrateLegacyArtifacts(options, stores, { thorough: true })
    expect(last.warnings).toEqual([])
    expect(last.artifacts.filter(({ action }) => action !== 'already')).toEqual([])
  })
})

/** Metadata to the millisecond, and with the flag that is left out when it is false; entries are kept to the byte. */
function expectedConversations(found: unknown) {
  return (found as { metadata: JsonObject; entries: unknown }[])
    .map(({ metadata, entries }) => ({
      metadata: { title_generated: false, ...toMilliseconds(metadata) } as JsonObject,
      entries,
    }))
    .sort((a, b) => (String(a.metadata.id) < String(b.metadata.id) ? -1 : 1))
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1
}

/** Everything in the database that is not ours. */
async function foreign(storage: Parameters<typeof putGoData>[1]): Promise<unknown> {
  switch (storage.type) {
    case 'sqlite': {
      const db = rawSqlite(storage)
      const names = db
        .prepare(`select name, sql from sqlite_master where name not like '%infer%' and type = 'table'`)
        .all() as { name: string }[]
      const rows = names.map(({ name }) => {
        const where = name === 'sqlite_sequence' ? `where name not like 'infer%'` : ''
        return db.prepare(`select rowid, * from ${name} ${where}`).all()
      })
      db.close()
      return [names, rows]
    }
    case 'postgres': {
      const client = await rawPostgres(storage)
      const { rows: tables } = await client.query(`select tablename from pg_tables where schemaname = 'public'`)
      const content: unknown[] = []
      for (const { tablename } of tables) {
        content.push((await client.query(`select xmin::text, * from public.${tablename} order by 2`)).rows)
      }
      await client.end()
      return [tables, content]
    }
    case 'redis': {
      const redis = rawRedis(storage)
      const keys = (await redis.keys('*')).filter((key) => !key.startsWith('infer:')).sort()
      const dumps = await Promise.all(keys.map(async (key) => (await redis.dumpBuffer(key))?.toString('hex')))
      redis.disconnect()
      return [keys, dumps]
    }
    default:
      return undefined
  }
}

async function changeGoData(
  storage: Parameters<typeof putGoData>[1],
  { gone, changed }: { gone: string; changed: string },
): Promise<void> {
  const time = '2026-04-01 08:00:00.123456789 +0000 UTC'
  const statements = (prefix: string, at: string) => [
    `update ${prefix}scheduled_jobs set prompt = 'theirs', updated_at = '${at}' where id in ('${gone}', '${changed}')`,
    `insert into ${prefix}scheduled_jobs (id, cron_expression, prompt, created_at, updated_at)
      values ('added', '@daily', 'added', '${at}', '${at}')`,
    `insert into ${prefix}shell_history (id, command) values (21, 'added line')`,
  ]
  if (storage.type === 'sqlite') {
    const db = rawSqlite(storage)
    for (const statement of statements('', time)) db.exec(statement)
    db.close()
  } else if (storage.type === 'postgres') {
    const client = await rawPostgres(storage)
    for (const statement of statements('public.', '2026-04-01T08:00:00Z')) await client.query(statement)
    await client.end()
  } else if (storage.type === 'redis') {
    const redis = rawRedis(storage)
    for (const id of [gone, changed]) {
      const job = JSON.parse((await redis.get(`scheduled_jobs:${id}`)) ?? '{}')
      await redis.set(`scheduled_jobs:${id}`, JSON.stringify({ ...job, prompt: 'theirs' }))
    }
    const job = { id: 'added', cron_expression: '@daily', prompt: 'added', created_at: '2026-04-01T08:00:00Z' }
    await redis.set('scheduled_jobs:added', JSON.stringify(job))
    await redis.lpush('shell_history', 'added line')
    redis.disconnect()
  }
}
