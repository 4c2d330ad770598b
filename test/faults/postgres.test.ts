import type pg from 'pg'
import { expect, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { PostgresOptions } from '#storage/options.ts'
import { dueJob } from '../storage/conformance/run-samples.ts'
import { job, request } from '../storage/conformance/samples.ts'
import { Watched } from '../storage/conformance/watched.ts'
import { makeBackend, rawPostgres, testDirectory } from '../support/backends.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { SchedulerProcess } from '../support/scheduler-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { expectEachSecondOnce } from './every-second.ts'

const NEVER = 1_000_000
const TEST_MS = 240_000
const PATIENCE_MS = 60_000

/** Makes each commit that inserts a run wait before it becomes durable. */
const SLOW_COMMITS = `
  create function public.wait() returns trigger language plpgsql as 'begin perform pg_sleep(600); return null; end';
  create constraint trigger slow after insert on infer.job_runs deferrable initially deferred
    for each row execute function public.wait();`

/** The process of the server that is in such a commit. */
async function committing(psql: pg.Client): Promise<number> {
  return await waitFor('a commit under way', async () => {
    const { rows } = await psql.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'infer' and wait_event = 'PgSleep'`,
    )
    return rows[0]?.pid
  })
}

test(
  'a claim in the middle of whose commit the server crashes and restarts is made once',
  async () => {
    // A crash must not lose what was committed.
    const server = await startPostgres(testDirectory(), { fsync: 'on', full_page_writes: 'on' })
    const parts = { host: '', port: 0, database: '', username: '', password: '', sslMode: 'disable' as const }
    try {
      await using stores = await openStores({ type: 'postgres', url: server.url, ...parts, warn: () => {} })
      const { stored, fire } = await dueJob(stores, 'j')
      const claim = request(stored, fire(1))
      const psql = await rawPostgres(server)
      await psql.query(SLOW_COMMITS)
      const claiming = stores.jobRuns.claim(claim).catch((error: unknown) => error)
      process.kill(await committing(psql), 'SIGKILL')
      await waitFor('the end of all sessions', () =>
        psql.query('select 1').then(
          () => false,
          () => true,
        ),
      )
      const again = await waitFor('the server', () => rawPostgres(server).catch(() => undefined))
      await again.query('drop function public.wait() cascade')
      await again.end()
      const first = await claiming
      if (first instanceof Error) expect(first).toMatchObject({ code: 'E_UNAVAILABLE' })
      const retried = await stores.jobRuns.claim(claim)
      expect(retried).toMatchObject({ claimed: true, run: { fence: 1, token: claim.token } })
      expect(await stores.jobRuns.claim(request(stored, fire(1)))).toEqual({ claimed: false, refusal: 'past' })
      expect(await stores.jobRuns.list({ limit: 0 })).toHaveLength(1)
    } finally {
      await server.stop()
    }
  },
  TEST_MS,
)

test(
  'changes that become visible late, and after younger ones, are heard and hold from then on',
  async () => {
    await using backend = await makeBackend('postgres')
    const stores = await backend.open()
    const watch = { hints: true, pollMs: NEVER, fullListMs: NEVER }
    await using watched = await Watched.synced(await backend.open({ watch }))
    await using one = await SchedulerProcess.begin({ storage: backend.options(), owner: 'one' })
    await using two = await SchedulerProcess.begin({ storage: backend.options(), owner: 'two' })
    await saveOften(stores)
    const fires = () => one.started.length + two.started.length
    await waitFor('two fires', () => fires() >= 2, PATIENCE_MS)

    const late = await rawPostgres(backend.options() as PostgresOptions)
    await late.query('begin')
    await late.query(`update infer.scheduled_jobs set prompt = 'late', description = 'late' where id = 'often'`)
    await stores.scheduledJobs.save(job('younger', { prompt: 'young' }))
    await watched.untilPrompt('younger', 'young')
    const since = await stores.jobRuns.now()
    await waitFor('three seconds', async () => (await stores.jobRuns.now()).getTime() - since.getTime() > 3_000)
    expect(watched.jobs.get('often')?.prompt).toBe('early')
    await late.query('commit')
    await late.end()
    await watched.untilPrompt('often', 'late')

    const before = fires()
    await waitFor('two more fires', () => fires() >= before + 2, PATIENCE_MS)
    expect(await Promise.all([one.stop(), two.stop()])).toEqual([0, 0])
    const runs = (await stores.jobRuns.list({ jobId: 'often', limit: 0 })).reverse()
    const ran = runs.filter(({ state }) => state === 'succeeded')
    for (const { snapshot } of ran) expect(snapshot?.description).toBe(snapshot?.prompt)
    const prompts = ran.map(({ snapshot }) => snapshot?.prompt)
    expect(prompts).toEqual([...prompts].sort())
    expect(new Set(prompts)).toEqual(new Set(['early', 'late']))
    expectEachSecondOnce(runs)
    const claimed = runs.filter(({ fence }) => fence > 0)
    expect([...one.started, ...two.started].map((run) => run.started).sort()).toEqual(
      claimed.map(({ id }) => id).sort(),
    )
  },
  TEST_MS,
)

async function saveOften(stores: Stores): Promise<void> {
  const createdAt = await stores.jobRuns.now()
  const texts = { prompt: 'early', description: 'early' }
  await stores.scheduledJobs.save(
    job('often', { ...texts, cronExpression: '@every 1s', createdAt, updatedAt: createdAt }),
  )
}
