import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type pg from 'pg'
import { expect, test } from 'vitest'
import type { PostgresOptions } from '#storage/options.ts'
import { makeBackend, rawPostgres, type TestBackend } from '../support/backends.ts'
import { waitFor } from '../support/wait-for.ts'
import { job } from './conformance/samples.ts'
import { Watched } from './conformance/watched.ts'

const NEVER = 1_000_000
const HINT_ONLY = { hints: true, pollMs: NEVER, fullListMs: NEVER }

/** The backend, and a client as a person with psql has it. */
async function place(): Promise<{ backend: TestBackend; psql: pg.Client } & AsyncDisposable> {
  const backend = await makeBackend('postgres')
  const psql = await rawPostgres(backend.options() as PostgresOptions)
  const dispose = async () => {
    await psql.end()
    await backend[Symbol.asyncDispose]()
  }
  return { backend, psql, [Symbol.asyncDispose]: dispose }
}

async function kill(psql: pg.Client, which: 'listening' | 'others'): Promise<number> {
  const condition = `query ${which === 'listening' ? '' : 'not'} like 'listen %'`
  const killed = await psql.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'infer' and ${condition}`,
  )
  return killed.rowCount ?? 0
}

test('edits with psql count, seen by the hint alone', async () => {
  await using at = await place()
  const { backend, psql } = at
  await using watched = await Watched.synced(await backend.open({ watch: HINT_ONLY }))
  await listening(psql)
  await psql.query(`insert into infer.scheduled_jobs (id, cron_expression, prompt) values ('j', '@daily', 'by hand')`)
  await watched.untilPrompt('j', 'by hand')
  await psql.query(`update infer.scheduled_jobs set overlap = 'sometimes'`)
  await watched.until('j is unreadable', () => watched.changes.at(-1)?.type === 'unreadable')
  await psql.query(`update infer.scheduled_jobs set prompt = 'other', overlap = 'allow', updated_at = now()`)
  await watched.untilPrompt('j', 'other')
  await psql.query('truncate infer.scheduled_jobs')
  await watched.untilPrompt('j', undefined)
})

test('a transaction of many changes is one generation, and two such in opposite order do not deadlock', async () => {
  await using at = await place()
  const { backend, psql } = at
  const stores = await backend.open()
  for (const id of ['a', 'b']) await stores.scheduledJobs.save(job(id))
  const other = await rawPostgres(backend.options() as PostgresOptions)
  const heard: (string | undefined)[] = []
  psql.on('notification', ({ payload }) => heard.push(payload))
  await psql.query('listen infer_jobs')
  await psql.query('begin')
  await other.query('begin')
  await psql.query(`update infer.scheduled_jobs set name = 'x' where id = 'a'`)
  await other.query(`update infer.scheduled_jobs set name = 'y' where id = 'b'`)
  await psql.query(`insert into infer.scheduled_jobs (id, cron_expression, prompt)
    select 'n' || n, '@daily', 'p' from generate_series(1, 500) n`)
  await psql.query('commit')
  await other.query('commit')
  await waitFor('both commits', () => heard.length >= 2)
  await psql.query('select 1')
  expect(new Set(heard).size).toBe(2)
  expect(heard).toHaveLength(2)
  await other.end()
})

test('a killed LISTEN connection is replaced, and what changed meanwhile is told', async () => {
  await using at = await place()
  const { backend, psql } = at
  const stores = await backend.open({ watch: HINT_ONLY })
  await using watched = await Watched.synced(stores)
  for (let round = 1; round <= 3; round++) {
    await listening(psql)
    await waitFor('a kill', async () => (await kill(psql, 'listening')) > 0)
    await stores.scheduledJobs.save(job('j', { prompt: `round ${round}` }))
    await watched.untilPrompt('j', `round ${round}`)
  }
})

test('killed connections of the pool are replaced: no statement fails', async () => {
  await using at = await place()
  const { backend, psql } = at
  const stores = await backend.open()
  for (let round = 1; round <= 5; round++) {
    await kill(psql, 'others')
    await stores.shellHistory.append(`round ${round}`)
    await kill(psql, 'others')
    expect(await stores.shellHistory.load(1)).toEqual([`round ${round}`])
  }
  expect(await stores.shellHistory.load(0)).toHaveLength(5)
})

test('a LISTEN that is swallowed is found out: the poll goes on at its own pace', async () => {
  await using at = await place()
  const { backend } = at
  // What a pooler in transaction mode does: LISTEN seems to succeed, and nothing is ever heard.
  await using relay = await Relay.before(backend.options() as PostgresOptions, (chunk) => {
    const start = chunk.indexOf('listen infer_jobs')
    if (start >= 0) chunk.write('select 1'.padEnd(chunk.indexOf(0, start) - start), start)
    return chunk
  })
  const watch = { hints: true, pollMs: 2_000, fullListMs: NEVER }
  await using watched = await Watched.synced(await backend.open({ watch, ...relay.tuning }))
  const other = await backend.open()
  await other.scheduledJobs.save(job('j', { prompt: 'one' }))
  await watched.untilPrompt('j', 'one')
  await other.scheduledJobs.save(job('j', { prompt: 'two' }))
  await watched.untilPrompt('j', 'two')
})

test('a LISTEN connection into a black hole is noticed', async () => {
  await using at = await place()
  const { backend, psql } = at
  let hole = false
  const black = new Set<Socket>()
  await using relay = await Relay.before(backend.options() as PostgresOptions, (chunk, socket) => {
    if (!hole && chunk.includes('listen infer_jobs')) black.add(socket)
    return hole && black.has(socket) ? undefined : chunk
  })
  const stores = await backend.open({ watch: HINT_ONLY, ...relay.tuning })
  await using watched = await Watched.synced(stores)
  await listening(psql)
  hole = true
  await stores.scheduledJobs.save(job('j', { prompt: 'in the dark' }))
  await waitFor('heard again', () => watched.jobs.get('j')?.prompt === 'in the dark', 15_000)
})

/** Waits until some session of this database listens. */
async function listening(psql: pg.Client): Promise<void> {
  await waitFor('a listening session', async () => {
    const { rows } = await psql.query(
      `select count(*)::int as n from pg_stat_activity
        where datname = current_database() and query like 'listen infer_jobs%' and state = 'idle'`,
    )
    return rows[0].n > 0
  })
}

type Pass = (chunk: Buffer, socket: Socket) => Buffer | undefined

/** A TCP relay to the test's server; `pass` may change or swallow what goes through it, in both directions. */
class Relay implements AsyncDisposable {
  readonly tuning: object
  readonly #close: () => void

  private constructor(tuning: object, close: () => void) {
    this.tuning = tuning
    this.#close = close
  }

  static async before(options: PostgresOptions, pass: Pass): Promise<Relay> {
    const target = new URL(options.url)
    const sockets = new Set<Socket>()
    const server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname)
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from)
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
        from.on('data', (chunk) => {
          const passed = pass(chunk, client)
          if (passed) to.write(passed)
        })
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const url = new URL(options.url)
    url.port = String(address.port)
    return new Relay({ url: url.href }, () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }
}
