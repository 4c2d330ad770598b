import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type {
  PostgresOptions,
  RedisOptions,
  SqliteOptions,
  StorageOptions,
  StorageType,
  WatchTuning,
} from '#storage/options.ts'
import { serverUrl } from './servers.ts'

/** What a test may set differently; everything else belongs to the backend of the test. */
export interface Tuning {
  watch?: WatchTuning
  busyTimeoutMs?: number
  openTimeoutMs?: number
  migrate?: boolean
  warn?: (message: string) => void
}

/** An empty place for data of one backend, private to its maker. */
export interface TestBackend extends AsyncDisposable {
  readonly type: StorageType
  options(tuning?: Tuning): StorageOptions
  /** A connection as another process would make it, to the same data; closed at the end if it still is open. */
  open(tuning?: Tuning): Promise<Stores>
}

/** Makes an empty place: a directory, a file, a database of the run's server, or a flushed db number of it. */
export async function makeBackend(type: StorageType): Promise<TestBackend> {
  const place = await PLACES[type]()
  const opened: Stores[] = []
  const options = (tuning: Tuning = {}) => ({ warn: () => {}, ...place.options, ...tuning }) as StorageOptions
  return {
    type,
    options,
    async open(tuning) {
      const [first] = opened
      if (type === 'memory' && first) return first
      const stores = await openStores(options(tuning))
      opened.push(stores)
      return stores
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((stores) => stores[Symbol.asyncDispose]()))
      await place.remove()
    },
  }
}

type Place = { options: DistributiveOmit<StorageOptions, 'warn'>; remove(): Promise<void> }
type DistributiveOmit<T, K extends string> = T extends unknown ? Omit<T, K> : never

const PLACES: Record<StorageType, () => Promise<Place>> = {
  memory: async () => ({ options: { type: 'memory' }, remove: async () => {} }),
  jsonl: async () => {
    const directory = testDirectory()
    const options = {
      type: 'jsonl' as const,
      conversationsDir: join(directory, 'work/.infer/conversations'),
      sessionGroupsFile: join(directory, 'work/.infer/session_groups.json'),
      plansDir: join(directory, 'work/.infer/plans'),
      historyFile: join(directory, 'work/.infer/history'),
      schedulesDir: join(directory, 'home/.infer/schedules'),
      runsDir: join(directory, 'home/.infer/runs'),
    }
    return { options, remove: async () => removeDirectory(directory) }
  },
  sqlite: async () => {
    const directory = testDirectory()
    const options = { type: 'sqlite' as const, path: join(directory, 'infer.db') }
    return { options, remove: async () => removeDirectory(directory) }
  },
  postgres: async () => {
    const url = new URL(await serverUrl('postgres'))
    const database = freeDatabases.pop() ?? (await createDatabase())
    url.pathname = `/${database}`
    const parts = { host: '', port: 5432, database: '', username: '', password: '', sslMode: 'disable' as const }
    return {
      options: { type: 'postgres', url: url.href, ...parts },
      remove: async () => {
        await emptyDatabase(url.href, database)
        freeDatabases.push(database)
      },
    }
  },
  redis: async () => {
    const url = new URL(await serverUrl('redis'))
    const db = Number(process.env.VITEST_POOL_ID ?? 1)
    url.pathname = `/${db}`
    const parts = { host: '', port: 6379, username: '', password: '', db, tls: false }
    const options = { type: 'redis' as const, url: url.href, ...parts }
    const flush = async () => {
      const redis = rawRedis(options)
      await redis.flushdb()
      redis.disconnect()
    }
    await flush()
    return { options, remove: flush }
  },
}

/** A directory of its own for one test. */
export function testDirectory(): string {
  return mkdtempSync(join(process.env.INFER_TEST_DIR ?? tmpdir(), 'place-'))
}

function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** Databases of this test file: emptying one takes a tenth of making one. */
const databases: string[] = []
const freeDatabases: string[] = []
let admin: Promise<pg.Client> | undefined

/** One connection per test file for what concerns whole databases. */
async function adminStatement(statement: string): Promise<void> {
  admin ??= rawPostgres({ url: await serverUrl('postgres') })
  await (await admin).query(statement)
}

async function createDatabase(): Promise<string> {
  const database = `infer_test_${randomBytes(8).toString('hex')}`
  await adminStatement(`CREATE DATABASE ${database} TEMPLATE template0`)
  databases.push(database)
  return database
}

async function emptyDatabase(url: string, database: string): Promise<void> {
  await adminStatement(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`)
  const client = await rawPostgres({ url })
  await client.query('DROP SCHEMA IF EXISTS infer, public CASCADE; CREATE SCHEMA public')
  await client.end()
}

afterAll(async () => {
  for (const database of databases) await adminStatement(`DROP DATABASE ${database} WITH (FORCE)`)
  await (await admin)?.end()
})

/** A plain client of a test's database, to do what a person or another program does. */
export async function rawPostgres(options: Pick<PostgresOptions, 'url'>): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: options.url })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** A plain client of a test's db number. */
export function rawRedis(options: Pick<RedisOptions, 'url'>): Redis {
  return new Redis(options.url)
}

/** A plain connection to a test's file. */
export function rawSqlite(options: Pick<SqliteOptions, 'path'>): Database.Database {
  return new Database(options.path)
}
