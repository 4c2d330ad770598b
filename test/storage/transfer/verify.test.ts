import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import type { JsonlOptions, PostgresOptions, RedisOptions, SqliteOptions } from '#storage/options.ts'
import { compareStores, examineStores } from '#storage/transfer/verify.ts'
import { DURABLE, type Durable } from '../../faults/durable.ts'
import { makeBackend, rawPostgres, rawRedis, rawSqlite, type TestBackend } from '../../support/backends.ts'
import { details, entries, job } from '../conformance/samples.ts'
import { fillEveryDomain } from './sample-data.ts'

async function filled(type: Durable): Promise<{ backend: TestBackend; stores: Stores }> {
  const backend = await makeBackend(type)
  onTestFinished(() => backend[Symbol.asyncDispose]())
  const stores = await backend.open()
  await fillEveryDomain(stores)
  return { backend, stores }
}

/** As the command opens it. */
const looking = (backend: TestBackend) => backend.open({ readOnly: true } as Parameters<TestBackend['open']>[0])

describe.each(DURABLE)('%s', (type) => {
  test('a healthy store has no damage, and two looks have the same hashes', async () => {
    const { backend } = await filled(type)
    const [first, second] = [await examineStores(await looking(backend)), await examineStores(await looking(backend))]
    expect(first.damage).toEqual([])
    expect(second.domains).toEqual(first.domains)
    expect(first.domains.every(({ from }) => from.count > 0 && /^[0-9a-f]{64}$/.test(from.sha256))).toBe(true)
  })

  test('one changed letter changes one hash and names the record', async () => {
    const [{ stores: a }, { stores: b }] = [await filled(type), await filled(type === 'sqlite' ? 'jsonl' : 'sqlite')]
    await a.conversations.append('letter', {
      expectedLength: 0,
      entries: entries(2),
      metadata: details({ title: 'a' }),
    })
    await b.conversations.append('letter', {
      expectedLength: 0,
      entries: entries(2),
      metadata: details({ title: 'b' }),
    })
    const { domains, equal } = await compareStores(a, b)
    expect(equal).toBe(false)
    const { differences, from, to } = domains.find(({ domain }) => domain === 'conversations') ?? {}
    expect(differences).toEqual([{ id: 'letter', where: 'differs' }])
    expect(from?.count).toBe(to?.count)
    await a.conversations.delete('letter')
    const after = await compareStores(a, b)
    expect(after.domains.find(({ domain }) => domain === 'conversations')?.differences).toEqual([
      { id: 'letter', where: 'only in to' },
    ])
  })
})

type Plant<T> = readonly [what: string, plant: (place: T) => unknown, domain: string, problem: RegExp]

const OLD = new Date(Date.now() - 3 * 60 * 60 * 1_000)
const oldFile = (path: string) => {
  writeFileSync(path, 'half', { mode: 0o600 })
  utimesSync(path, OLD, OLD)
}
const onlyFile = (directory: string): string => {
  const entry = readdirSync(directory, { recursive: true, withFileTypes: true }).find((one) => one.isFile())
  return join(entry?.parentPath ?? '', entry?.name ?? '')
}
/** The newest record of a name. */
const record = (directory: string, name: string): string => {
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((one) =>
    new RegExp(`/${name}@`).test(one),
  )
  return join(directory, found.sort((a, b) => Number(a.split('@')[1]) - Number(b.split('@')[1])).at(-1) ?? '')
}

const FILES: readonly Plant<JsonlOptions>[] = [
  [
    'a torn last line',
    (o) => appendFileSync(join(o.conversationsDir, 'plain.jsonl'), '{"type":"entr'),
    'conversations',
    /torn after 13 bytes/,
  ],
  [
    'a line that is no JSON',
    (o) => appendFileSync(join(o.conversationsDir, 'plain.jsonl'), 'what\n'),
    'conversations',
    /cannot be read/,
  ],
  [
    'an empty conversation',
    (o) => writeFileSync(join(o.conversationsDir, 'e.jsonl'), '', { mode: 0o600 }),
    'conversations',
    /neither metadata nor an entry/,
  ],
  [
    'a lost entry',
    (o) => dropFirstEntry(join(o.conversationsDir, 'plain.jsonl')),
    'conversations',
    /counts 3 entries, 2 are there/,
  ],
  [
    'a file that is no id',
    (o) => writeFileSync(join(o.conversationsDir, 'a b.jsonl'), '{}\n', { mode: 0o600 }),
    'conversations',
    /not a valid conversation id/,
  ],
  [
    'a conversation of a newer release',
    (o) => writeFileSync(join(o.conversationsDir, 'n.jsonl'), '{"v":9}\n', { mode: 0o600 }),
    'conversations',
    /newer release/,
  ],
  [
    'a file that others may read',
    (o) => chmodSync(join(o.conversationsDir, 'plain.jsonl'), 0o644),
    'conversations',
    /mode 0644/,
  ],
  ['a directory that others may read', (o) => chmodSync(o.schedulesDir, 0o755), 'scheduled_jobs', /mode 0755/],
  [
    'a left temporary file',
    (o) => oldFile(join(o.conversationsDir, '.plain.jsonl.x.tmp')),
    'conversations',
    /temporary file 3 h ago/,
  ],
  [
    'a temporary file of a job',
    (o) => oldFile(join(o.schedulesDir, '.paused.yaml.x.tmp')),
    'scheduled_jobs',
    /temporary file/,
  ],
  ['a temporary file of a state', (o) => oldFile(join(o.runsDir, 'states', '.x.tmp')), 'job_runs', /temporary file/],
  [
    'a temporary file of session groups',
    (o) => oldFile(`${join(o.sessionGroupsFile, '..')}/.session_groups.json.x.tmp`),
    'session_groups',
    /temporary file/,
  ],
  [
    'groups that are no JSON',
    (o) => writeFileSync(o.sessionGroupsFile, '{"groups": {'),
    'session_groups',
    /cannot be read/,
  ],
  [
    'an unreadable definition',
    (o) => writeFileSync(join(o.schedulesDir, 'x.yaml'), 'prompt: [\n', { mode: 0o600 }),
    'scheduled_jobs',
    /line \d+, column \d+/,
  ],
  [
    'an unreadable state',
    (o) => writeFileSync(record(join(o.runsDir, 'states'), 'paused'), '{'),
    'job_states',
    /cannot be read/,
  ],
  [
    'an unreadable run',
    (o) => writeFileSync(onlyFile(join(o.runsDir, 'history/deleted')), '{'),
    'job_runs',
    /cannot be read/,
  ],
  [
    'a run in another one’s place',
    (o) =>
      writeFileSync(
        onlyFile(join(o.runsDir, 'history/deleted')),
        readFileSync(onlyFile(join(o.runsDir, 'history/every-state'))),
      ),
    'job_runs',
    /holds another run/,
  ],
  [
    'a plan that is not UTF-8',
    (o) => writeFileSync(join(o.plansDir, 'p.md'), Buffer.from([0xff]), { mode: 0o600 }),
    'plans',
    /not UTF-8/,
  ],
  ['a torn line of history', (o) => appendFileSync(o.historyFile, 'git st'), 'shell_history', /torn/],
  ['NUL in the history', (o) => appendFileSync(o.historyFile, 'a\0b\n'), 'shell_history', /NUL/],
  [
    'bytes that are no UTF-8 in the history',
    (o) => appendFileSync(o.historyFile, Buffer.from([0xff, 10])),
    'shell_history',
    /not UTF-8/,
  ],
  [
    'a damaged inbox',
    (o) => writeFileSync(record(join(o.runsDir, 'coordination/inbox'), '[0-9a-f]{32}'), '{'),
    'coordination',
    /cannot be read/,
  ],
  [
    'a damaged ledger',
    (o) =>
      appendFileSync(
        join(o.runsDir, 'imports', readdirSync(join(o.runsDir, 'imports')).find((one) => one.endsWith('.jsonl')) ?? ''),
        'what\n',
      ),
    'imports',
    /cannot be read/,
  ],
]

function dropFirstEntry(path: string): void {
  const lines = readFileSync(path, 'utf8').split('\n')
  writeFileSync(path, [lines[0], ...lines.slice(1)].filter((line) => !line?.includes('"index":1,')).join('\n'))
}

const ROWS: readonly (readonly [what: string, sql: string, domain: string, problem: RegExp])[] = [
  [
    'an orphan entry',
    `delete from T_conversations where id = 'plain'`,
    'conversations',
    /entries are there, the conversation is not/,
  ],
  [
    'a lost entry',
    `delete from T_conversation_entries where conversation_id = 'plain' and seq = 1`,
    'conversations',
    /entry 2 of conversation plain is missing/,
  ],
  [
    'a wrong count',
    `update T_conversations set entry_count = 9 where id = 'plain'`,
    'conversations',
    /should have 9 entries/,
  ],
  [
    'an entry that is no JSON',
    `update T_conversation_entries set document = 'x' where conversation_id = 'plain' and seq = 1`,
    'conversations',
    /cannot be read/,
  ],
  [
    'metadata that is no JSON',
    `update T_conversations set document = '{' where id = 'plain'`,
    'conversations',
    /cannot be read/,
  ],
  [
    'an index that disagrees',
    `update T_conversations set updated_at = '2020-01-01T00:00:00.000Z' where id = 'plain'`,
    'conversations',
    /updated_at says another time/,
  ],
  [
    'an unreadable group',
    `update T_session_groups set document = '[]' where key = 'channel-telegram-42'`,
    'session_groups',
    /not a JSON object/,
  ],
  [
    'a definition with an unknown word',
    `update T_scheduled_jobs set overlap = 'perhaps' where id = 'paused'`,
    'scheduled_jobs',
    /overlap should be/,
  ],
  ['an unreadable state', `update T_job_states set document = '{' where job_id = 'paused'`, 'job_states', /./],
  ['an unreadable run', `update T_job_runs set document = '{' where id = 'run-deleted-succeeded'`, 'job_runs', /./],
  [
    'a run whose columns disagree',
    `update T_job_runs set job_id = 'x' where id = 'run-deleted-succeeded'`,
    'job_runs',
    /columns/,
  ],
  ['a run without a record', `delete from T_job_runs where job_id = 'open'`, 'job_runs', /which is not stored/],
  ['a plan with a bad id', `update T_plans set id = '../x' where id = 'imported'`, 'plans', /id is not allowed/],
  ['a damaged inbox', `update T_coordination set value = '{' where key like 'inbox/%'`, 'coordination', /./],
  ['a ledger row of no known outcome', `update T_imports set outcome = 'what'`, 'imports', /outcome/],
]

const KEYS: readonly Plant<ReturnType<typeof rawRedis>>[] = [
  [
    'an orphan entry list',
    (r) => r.del('infer:conversations:plain'),
    'conversations',
    /entries are there, the conversation is not/,
  ],
  [
    'an index without a conversation',
    (r) => r.del('infer:conversations:plain', 'infer:conversation-entries:plain'),
    'conversations',
    /index names it/,
  ],
  [
    'a conversation without its index',
    (r) => r.zrem('infer:conversation-index', 'plain'),
    'conversations',
    /no list shows it/,
  ],
  [
    'an entry that is no JSON',
    (r) => r.lset('infer:conversation-entries:plain', 0, 'x'),
    'conversations',
    /cannot be read/,
  ],
  ['metadata that is no JSON', (r) => r.set('infer:conversations:plain', '{'), 'conversations', /cannot be read/],
  [
    'an unreadable group',
    (r) => r.hset('infer:session-groups', 'channel-telegram-42', '{'),
    'session_groups',
    /cannot be read/,
  ],
  ['an unreadable definition', (r) => r.set('infer:schedules:paused', '{'), 'scheduled_jobs', /cannot be read/],
  ['an index without a definition', (r) => r.del('infer:schedules:paused'), 'scheduled_jobs', /index names it/],
  ['an unreadable state', (r) => r.hset('infer:states', 'paused', 'x'), 'job_states', /cannot be read/],
  [
    'an unreadable run',
    (r) => r.hset('infer:runs:documents', 'run-deleted-succeeded', 'deleted {'),
    'job_runs',
    /cannot be read/,
  ],
  [
    'an order without a run',
    (r) => r.hdel('infer:runs:documents', 'run-deleted-succeeded'),
    'job_runs',
    /order of runs names it/,
  ],
  [
    'a run without its order',
    (r) => r.zrem('infer:runs:order', 'run-deleted-succeeded'),
    'job_runs',
    /no list shows it/,
  ],
  ['an unreadable plan', (r) => r.hset('infer:plans', 'imported', '{'), 'plans', /cannot be read/],
  [
    'a damaged inbox',
    (r) => r.hset('infer:coordination:inbox', 'inbox/telegram', 'ab {'),
    'coordination',
    /cannot be read/,
  ],
]

/** The one thing that was planted is found, with its cure. */
async function expectFound(backend: TestBackend, domain: string, problem: RegExp): Promise<void> {
  const { damage } = await examineStores(await looking(backend))
  const found = damage.filter((one) => one.domain === domain && problem.test(one.problem))
  expect(found, JSON.stringify(damage)).toHaveLength(1)
  expect(found[0]?.id).not.toBe('')
  expect(found[0]?.cure).not.toBe('')
}

test.each(FILES)('files: %s is found', async (_, plant, domain, problem) => {
  const { backend } = await filled('jsonl')
  await plant(backend.options() as JsonlOptions)
  await expectFound(backend, domain, problem)
})

test.each(ROWS)('sqlite: %s is found', async (_, statement, domain, problem) => {
  const { backend, stores } = await filled('sqlite')
  await stores[Symbol.asyncDispose]()
  const db = rawSqlite(backend.options() as SqliteOptions)
  db.exec(statement.replaceAll('T_', 'infer_'))
  db.close()
  await expectFound(backend, domain, problem)
})

test('sqlite: a database that others may read is found', async () => {
  const { backend } = await filled('sqlite')
  chmodSync((backend.options() as SqliteOptions).path, 0o644)
  await expectFound(backend, 'schema', /mode 0644/)
})

test.each(ROWS)('postgres: %s is found', async (_, statement, domain, problem) => {
  const { backend } = await filled('postgres')
  const client = await rawPostgres(backend.options() as PostgresOptions)
  await client.query(statement.replaceAll('T_', 'infer.'))
  await client.end()
  await expectFound(backend, domain, problem)
})

test.each(KEYS)('redis: %s is found', async (_, plant, domain, problem) => {
  const { backend } = await filled('redis')
  const redis = rawRedis(backend.options() as RedisOptions)
  await plant(redis)
  redis.disconnect()
  await expectFound(backend, domain, problem)
})

/** Every file with its content, mode and time. */
function tree(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((one) => join(one.parentPath, one.name))
    .sort()
    .map((path) => {
      const { mode, mtimeMs } = statSync(path)
      const content = statSync(path).isFile() ? readFileSync(path, 'latin1') : ''
      return `${path} ${mode} ${mtimeMs} ${content}`
    })
}

test('a look changes no file: no index is written, nothing is swept, healed or locked', async () => {
  const { backend } = await filled('jsonl')
  const options = backend.options() as JsonlOptions
  for (const directory of [options.conversationsDir, options.plansDir, options.schedulesDir])
    oldFile(join(directory, '.a.tmp'))
  mkdirSync(join(options.runsDir, 'states', 'ff'), { recursive: true })
  oldFile(join(options.runsDir, 'states', 'ff', '.a.tmp'))
  const before = tree(join(options.runsDir, '../../..'))
  await examineStores(await looking(backend))
  await compareStores(await looking(backend), await (await makeBackend('memory')).open())
  expect(tree(join(options.runsDir, '../../..'))).toEqual(before)
})

test('a look changes no key of Redis, also where a list would heal the index', async () => {
  const { backend } = await filled('redis')
  const redis = rawRedis(backend.options() as RedisOptions)
  onTestFinished(() => redis.disconnect())
  await redis.del('infer:conversations:plain', 'infer:conversation-entries:plain')
  const dump = async () => {
    const names = (await redis.keys('*')).sort()
    return await Promise.all(names.map(async (name) => [name, (await redis.dumpBuffer(name))?.toString('hex')]))
  }
  const before = await dump()
  await examineStores(await looking(backend))
  expect(await dump()).toEqual(before)
})

test('a look does not bring an older or absent schema up to date', async () => {
  const backend = await makeBackend('postgres')
  onTestFinished(() => backend[Symbol.asyncDispose]())
  await expect(looking(backend)).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
  const client = await rawPostgres(backend.options() as PostgresOptions)
  expect((await client.query(`select to_regnamespace('infer') as found`)).rows).toEqual([{ found: null }])
  await client.end()
  await using stores = await (await makeBackend('memory')).open()
  await stores.scheduledJobs.save(job('j'))
})
