import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { PostgresOptions, SqliteOptions } from '#storage/options.ts'
import { dueJob } from '../storage/conformance/run-samples.ts'
import { request } from '../storage/conformance/samples.ts'
import { makeBackend, rawPostgres, rawSqlite } from '../support/backends.ts'
import { waitFor } from '../support/wait-for.ts'

// A claim reads, decides and writes. Here the definition changes after it was read, so only the write can notice. The
// prompt alone changes: the scheduling state stays as it was read.

test('a claim on SQLite that read a definition before it was edited is refused', async () => {
  await using backend = await makeBackend('sqlite')
  const stores = await backend.open()
  const { stored, fire } = await dueJob(stores, 'j', { prompt: 'old' })
  const editor = rawSqlite(backend.options() as SqliteOptions)
  // Readers go on beside this lock, writers wait.
  editor.exec('begin immediate')
  const claiming = stores.jobRuns.claim(request(stored, fire(1)))
  await turn()
  editor.exec(`update infer_scheduled_jobs set prompt = 'new' where id = 'j'; commit`)
  editor.close()
  expect(await claiming).toEqual({ claimed: false, refusal: 'changed' })
  expect(await stores.jobRuns.list({ limit: 0 })).toEqual([])
})

test('a claim on PostgreSQL that read a definition before it was edited is refused', async () => {
  await using backend = await makeBackend('postgres')
  const stores = await backend.open()
  const { stored, fire } = await dueJob(stores, 'j', { prompt: 'old' })
  const editor = await rawPostgres(backend.options() as PostgresOptions)
  await editor.query('begin')
  await editor.query(`select from infer.job_states where job_id = 'j' for update`)
  const claiming = stores.jobRuns.claim(request(stored, fire(1)))
  await waitFor('the claim waits for the lock', async () => {
    const { rows } = await editor.query<{ waiting: number }>(
      `select count(*)::integer as waiting from pg_stat_activity
        where application_name = 'infer' and datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows[0]?.waiting === 1
  })
  await editor.query(`update infer.scheduled_jobs set prompt = 'new' where id = 'j'`)
  await editor.query('commit')
  await editor.end()
  expect(await claiming).toEqual({ claimed: false, refusal: 'changed' })
  expect(await stores.jobRuns.list({ limit: 0 })).toEqual([])
})
