import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type {
  JsonlOptions,
  MemoryOptions,
  PostgresOptions,
  RedisOptions,
  SqliteOptions,
  StorageType,
} from '#storage/options.ts'
import { stripEnvironment } from '../test/support/environment.ts'
import { startPostgres } from '../test/support/postgres-server.ts'
import { startRedis } from '../test/support/redis-server.ts'
import type { TestServer } from '../test/support/test-server.ts'

/** The backends whose data outlives a process. */
export const DURABLE = ['jsonl', 'sqlite', 'postgres', 'redis'] as const
export type Durable = (typeof DURABLE)[number]

/** Where each backend is told to store; each process adds its own `warn`. */
export interface PlaceOptions {
  memory: Omit<MemoryOptions, 'warn'>
  jsonl: Omit<JsonlOptions, 'warn'>
  sqlite: Omit<SqliteOptions, 'warn'>
  postgres: Omit<PostgresOptions, 'warn'>
  redis: Omit<RedisOptions, 'warn'>
}

/** An empty place for data of one backend. Closing it closes what was opened here. */
export interface Place<T extends StorageType = StorageType> extends AsyncDisposable {
  readonly options: PlaceOptions[T]
  open(): Promise<Stores>
}

const run = {
  directory: '',
  servers: new Map<string, Promise<TestServer>>(),
  /** Databases made so far: each place has one of its own. */
  databases: 0,
}

/** Makes the directory of this run. It goes with the process, and so do the servers, whatever way it ends. */
export function prepareRun(): AsyncDisposable {
  stripEnvironment()
  run.directory = mkdtempSync(join(tmpdir(), 'infer-bench-'))
  process.on('exit', () => rmSync(run.directory, { recursive: true, force: true, maxRetries: 3 }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([...run.servers.values()].map(async (server) => await (await server).stop()))
    },
  }
}

/** A new directory of this run. */
export function makeDirectory(): string {
  return mkdtempSync(join(run.directory, 'place-'))
}

/** Makes an empty place. A server is started when the first figure asks for it. */
export async function makePlace<T extends StorageType>(type: T): Promise<Place<T>> {
  const options = await PLACES[type]()
  const opened = new AsyncDisposableStack()
  return {
    options,
    open: async () => opened.use(await openPlace(options)),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** The stores of a place, as any process opens them. */
export async function openPlace(options: PlaceOptions[StorageType]): Promise<Stores> {
  return await openStores({ ...options, warn: () => {} })
}

export function jsonlOptions(work: string, home: string): PlaceOptions['jsonl'] {
  const configDir = join(work, '.infer')
  return {
    type: 'jsonl',
    conversationsDir: join(configDir, 'conversations'),
    sessionGroupsFile: join(configDir, 'session_groups.json'),
    plansDir: join(configDir, 'plans'),
    historyFile: join(configDir, 'history'),
    schedulesDir: join(home, '.infer', 'schedules'),
    runsDir: join(home, '.infer', 'runs'),
  }
}

const PLACES: { [T in StorageType]: () => Promise<PlaceOptions[T]> } = {
  memory: async () => ({ type: 'memory' }),
  jsonl: async () => jsonlOptions(makeDirectory(), makeDirectory()),
  sqlite: async () => ({ type: 'sqlite', path: join(makeDirectory(), 'infer.db') }),
  postgres: async () => {
    const url = new URL(await serverUrl('postgres'))
    const database = `infer_bench_${++run.databases}`
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    await client.query(`create database ${database}`)
    await client.end()
    url.pathname = `/${database}`
    const parts = { host: '', port: 5432, database: '', username: '', password: '', sslMode: 'disable' as const }
    return { type: 'postgres', url: url.href, ...parts }
  },
  redis: async () => {
    const url = new URL(await serverUrl('redis'))
    const db = ++run.databases
    url.pathname = `/${db}`
    return { type: 'redis', url: url.href, host: '', port: 6379, username: '', password: '', db, tls: false }
  },
}

/** As a careful person runs them: PostgreSQL syncs each commit, Redis its log every second. */
const STARTS = {
  postgres: () => startPostgres(run.directory, { fsync: 'on', full_page_writes: 'on' }),
  redis: () => startRedis(run.directory, { args: ['--save', '', '--appendonly', 'yes'] }),
} as const

async function serverUrl(type: keyof typeof STARTS): Promise<string> {
  const server = run.servers.get(type) ?? STARTS[type]()
  run.servers.set(type, server)
  return (await server).url
}
