import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { StorageError } from '#storage/contract/errors.ts'
import { openStores } from '#storage/index.ts'
import type { PostgresOptions, SslMode } from '#storage/options.ts'
import { makeBackend, rawPostgres, testDirectory } from '../support/backends.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { freePort, type TestServer } from '../support/test-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { expectCode } from './conformance/storage-test.ts'

const SECRET = 'planted-secret-of-a-role'

let server: TestServer
let directory: string
let admin: pg.Client

/** A server of our own whose role `guarded` needs a password, and whose role `tls` is let in with TLS only. */
beforeAll(async () => {
  directory = testDirectory()
  server = await startPostgres(directory)
  admin = await rawPostgres(server)
  await admin.query(`create role guarded login superuser password '${SECRET}'; create role poor login`)
  await admin.query('create role tls login superuser; create role plain login superuser')
  await admin.query('create role crowded login connection limit 1 in role guarded, postgres')
  const file = join(directory, 'postgres/data/pg_hba.conf')
  const rules = `host all guarded all scram-sha-256\nhostssl all tls all trust\nhostnossl all tls all reject
hostnossl all plain all trust\nhostssl all plain all reject\n`
  writeFileSync(file, rules + readFileSync(file, 'utf8'))
  await admin.query('select pg_reload_conf()')
  await waitFor('the new rules', async () => (await refusal({ username: 'guarded' })).includes('password'))
})

afterAll(async () => {
  await server.stop()
})

function options(changes: Partial<PostgresOptions> = {}): PostgresOptions {
  const { hostname, port } = new URL(server.url)
  return {
    type: 'postgres',
    url: '',
    host: hostname,
    port: Number(port),
    database: 'postgres',
    username: 'postgres',
    password: '',
    sslMode: 'prefer',
    warn: () => {},
    ...changes,
  }
}

/** Sentence and hint of a refused opening, which must be E_UNAVAILABLE without any password in it. */
async function refusal(changes: Partial<PostgresOptions>): Promise<string> {
  try {
    await (await openStores(options(changes)))[Symbol.asyncDispose]()
    return ''
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    expect(error.code).toBe('E_UNAVAILABLE')
    const said = `${error.message} ${error.hint}`
    expect(said + String(error.cause) + JSON.stringify(error)).not.toContain('planted')
    return said
  }
}

test('each way not to connect has its sentence', async () => {
  const at = `127.0.0.1:${options().port}`
  expect(await refusal({ username: 'guarded', password: 'planted-wrong' })).toContain(
    `PostgreSQL at ${at} refused the password of user "guarded"`,
  )
  expect(await refusal({ username: 'guarded' })).toContain('none is set')
  expect(await refusal({ username: 'nobody-such' })).toContain('nobody-such')
  const missing = await refusal({ database: 'no such "db"' })
  expect(missing).toContain('does not exist')
  expect(missing).toContain('CREATE DATABASE "no such ""db"""')
  expect(await refusal({ database: 'absent' })).toContain(
    `createdb -h 127.0.0.1 -p ${options().port} -U postgres absent`,
  )
  const port = await freePort()
  expect(await refusal({ port })).toContain(`no PostgreSQL answers at 127.0.0.1:${port} (connection refused)`)
  expect(await refusal({ host: 'host.invalid' })).toContain('the host "host.invalid" of PostgreSQL is unknown')
})

test('a URL wins over the parts, and its password shows nowhere', async () => {
  const url = `postgres://guarded:${SECRET}@127.0.0.1:${options().port}/postgres?sslmode=disable`
  await using stores = await openStores(options({ url, host: 'host.invalid', username: 'other' }))
  expect(stores.location).toBe(`postgres://guarded@127.0.0.1:${options().port}/postgres`)
  expect(await refusal({ url: url.replace('postgres?', 'absent?') })).toContain('"absent"')
  await expectCode(openStores(options({ url: `postgres://a:${SECRET}@[/x` })), 'E_INVALID')
  await expectCode(openStores(options({ url: `${url}d` })), 'E_INVALID')
})

test('without TLS on the server: prefer and allow go on plain, require and verify-full are refused', async () => {
  const used = async (sslMode: SslMode) => (await refusal({ sslMode })) === ''
  expect(await used('disable')).toBe(true)
  expect(await used('allow')).toBe(true)
  expect(await used('prefer')).toBe(true)
  for (const sslMode of ['require', 'verify-ca', 'verify-full'] as const) {
    expect(await refusal({ sslMode })).toContain(`offers no TLS, which ssl_mode ${sslMode} asks for`)
  }
})

test('with TLS on the server each mode does what it says', async () => {
  const data = join(directory, 'postgres/data')
  const files = ['-keyout', join(data, 'server.key'), '-out', join(data, 'server.crt')]
  const subject = ['-subj', '/CN=other.example', '-addext', 'subjectAltName=DNS:other.example']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...subject], {
    stdio: 'ignore',
  })
  chmodSync(join(data, 'server.key'), 0o600)
  if (process.getuid?.() === 0) execFileSync('chown', ['postgres:', join(data, 'server.key'), join(data, 'server.crt')])
  expect(existsSync(join(data, 'server.crt'))).toBe(true)
  await admin.query('alter system set ssl = on')
  await admin.query('select pg_reload_conf()')
  await waitFor('TLS', async () => (await refusal({ sslMode: 'require' })) === '')

  expect(await refusal({ username: 'tls', sslMode: 'prefer' })).toBe('')
  expect(await refusal({ username: 'tls', sslMode: 'allow' })).toBe('')
  expect(await refusal({ username: 'tls', sslMode: 'disable' })).toContain('does not let user "tls" in')
  expect(await refusal({ username: 'plain', sslMode: 'prefer' })).toBe('')
  expect(await refusal({ username: 'plain', sslMode: 'require' })).toContain('does not let user "plain" in')
  const cert = encodeURIComponent(join(data, 'server.crt'))
  const url = (mode: string) => `postgres://postgres@127.0.0.1:${options().port}/postgres?sslmode=${mode}`
  expect(await refusal({ url: url('verify-ca') })).toContain('cannot be trusted')
  expect(await refusal({ url: `${url('verify-ca')}&sslrootcert=${cert}` })).toBe('')
  expect(await refusal({ url: `${url('verify-full')}&sslrootcert=${cert}` })).toContain('cannot be trusted')
})

test('a crowded server is asked again until it lets one in, and then named', async () => {
  const holder = new pg.Client({ ...pgOptions(), user: 'crowded' })
  await holder.connect()
  expect(await refusal({ username: 'crowded', openTimeoutMs: 3_000 })).toContain('no connection left')
  const opening = openStores(options({ username: 'crowded', openTimeoutMs: 20_000 }))
  await holder.end()
  await (await opening)[Symbol.asyncDispose]()
})

test('a user without the right to make the schema is told so', async () => {
  await admin.query('create database closed')
  expect(await refusal({ username: 'poor', database: 'closed' })).toContain(
    'GRANT CREATE ON DATABASE "closed" TO "poor"',
  )
})

test('the schema of a newer release is refused before any write', async () => {
  await using backend = await makeBackend('postgres')
  await (await backend.open())[Symbol.asyncDispose]()
  const raw = await rawPostgres(backend.options() as PostgresOptions)
  await raw.query('insert into infer.migrations values (99, now())')
  await expectCode(backend.open(), 'E_SCHEMA_NEWER')
  await expectCode(backend.open({ migrate: false }), 'E_SCHEMA_NEWER')
  const tables = await raw.query(`select count(*)::int as n from pg_tables where schemaname = 'infer'`)
  expect(tables.rows[0].n).toBe(12)
  await raw.end()
})

test('a newer schema that came meanwhile is told by health', async () => {
  await using backend = await makeBackend('postgres')
  const stores = await backend.open()
  await stores.health()
  const raw = await rawPostgres(backend.options() as PostgresOptions)
  await raw.query('insert into infer.migrations values (99, now())')
  await expectCode(stores.health(), 'E_SCHEMA_NEWER')
  await raw.query('delete from infer.migrations where version = 99')
  await stores.health()
  await raw.end()
})

test('without migrate nothing is made', async () => {
  await using backend = await makeBackend('postgres')
  await expectCode(backend.open({ migrate: false }), 'E_UNAVAILABLE')
  const raw = await rawPostgres(backend.options() as PostgresOptions)
  expect((await raw.query(`select to_regnamespace('infer') as found`)).rows[0].found).toBe(null)
  await raw.end()
})

test('tables of others in the same database stay as they are', async () => {
  await using backend = await makeBackend('postgres')
  const raw = await rawPostgres(backend.options() as PostgresOptions)
  await raw.query(`create table scheduled_jobs (id text); insert into scheduled_jobs values ('theirs')`)
  const stores = await backend.open()
  expect((await stores.scheduledJobs.list()).jobs).toEqual([])
  expect((await raw.query('select id from public.scheduled_jobs')).rows).toEqual([{ id: 'theirs' }])
  await raw.end()
})

test('a server that goes away is an error of the next call and of nothing else', async () => {
  await using stores = await openStores(options())
  await stores.shellHistory.append('ls')
  await admin.end()
  await server.stop()
  await expectCode(stores.shellHistory.load(0), 'E_UNAVAILABLE')
  await expectCode(stores.shellHistory.append('ls'), 'E_UNAVAILABLE')
  await expectCode(stores.health(), 'E_UNAVAILABLE')
})

function pgOptions(): pg.ClientConfig {
  const { host, port, database } = options()
  return { host, port, database }
}
