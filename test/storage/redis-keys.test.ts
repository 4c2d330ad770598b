import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { openRedis } from '#storage/redis/open.ts'
import { testDirectory } from '../support/backends.ts'
import { startRedis } from '../support/redis-server.ts'
import type { TestServer } from '../support/test-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { at, details, entries, job, request } from './conformance/samples.ts'
import { expectCode } from './conformance/storage-test.ts'
import { redisOptions } from './redis-setup.ts'

let server: TestServer
let client: Redis
let stores: Stores

beforeAll(async () => {
  server = await startRedis(testDirectory(), { name: 'keys' })
  client = new Redis(server.url)
})
afterAll(async () => {
  client.disconnect()
  await server.stop()
})
beforeEach(async () => {
  await client.config('SET', 'maxmemory', '0')
  await client.flushall()
  const opened = await openRedis(redisOptions(server.url))
  stores = opened
  return () => opened[Symbol.asyncDispose]()
})

async function listed(): Promise<{ jobs: string[]; unreadable: string[] }> {
  const { jobs, unreadable } = await stores.scheduledJobs.list()
  return { jobs: jobs.map(({ id }) => id).sort(), unreadable: unreadable.map(({ id }) => id).sort() }
}

test('every key is under infer:, and no state stands among the definitions', async () => {
  const stored = await stores.scheduledJobs.save(job('a'))
  await stores.jobRuns.claim(request(stored, at(0), { trigger: 'manual' }))
  await stores.conversations.append('c', { expectedLength: 0, entries: entries(1), metadata: details() })
  await stores.sessionGroups.put('g', { currentSessionId: 's', history: [], updatedAt: at(0) })
  await stores.plans.save({ title: 'T', body: 'B' })
  await stores.shellHistory.append('line')
  await stores.coordination.acquireLease('l', 'o')
  await stores.coordination.import('s', [{ key: 'k', kind: 'history', command: 'x' }])
  expect((await client.keys('*')).filter((key) => !key.startsWith('infer:'))).toEqual([])
  expect(await client.keys('infer:schedules:*')).toEqual(['infer:schedules:a'])
})

test('a definition set by hand is a job: listed, loaded, tracked, saved, deleted', async () => {
  await client.set('infer:schedules:hand', '{"id":"another","cron_expression":"* * * * *","prompt":"Grüße"}')
  expect(await listed()).toEqual({ jobs: ['hand'], unreadable: [] })
  const loaded = await stores.scheduledJobs.load('hand')
  expect(loaded).toMatchObject({ id: 'hand', prompt: 'Grüße', createdAt: new Date(0) })
  expect(await stores.jobRuns.track('hand')).toMatchObject({ runs: [] })
  await expectCode(stores.scheduledJobs.save(job('hand'), { expected: 'absent' }), 'E_CONFLICT')
  const saved = await stores.scheduledJobs.save({ ...loaded, prompt: 'new' }, { expected: loaded.revision })
  expect(await stores.scheduledJobs.load('hand')).toEqual(saved)
  await client.set('infer:schedules:hand', '{"cron_expression":"0 0 * * *","prompt":"edited"}')
  await expectCode(stores.scheduledJobs.save(job('hand'), { expected: saved.revision }), 'E_CONFLICT')
  await stores.scheduledJobs.delete('hand')
  expect(await listed()).toEqual({ jobs: [], unreadable: [] })
})

test('a definition deleted by hand is gone', async () => {
  await stores.scheduledJobs.save(job('a'))
  await client.del('infer:schedules:a')
  expect(await listed()).toEqual({ jobs: [], unreadable: [] })
  await expectCode(stores.scheduledJobs.load('a'), 'E_NOT_FOUND')
  await stores.scheduledJobs.save(job('a'), { expected: 'absent' })
  expect(await listed()).toEqual({ jobs: ['a'], unreadable: [] })
})

test('the index deleted by hand loses no job', async () => {
  await stores.scheduledJobs.save(job('a'))
  await client.del('infer:schedule-index')
  expect(await listed()).toEqual({ jobs: ['a'], unreadable: [] })
})

test.each([
  ['torn', (key: string) => client.set(key, '{"torn')],
  ['of another form', (key: string) => client.set(key, '{"id":"a","prompt":"no expression"}')],
  [
    'no UTF-8',
    (key: string) => client.set(key, Buffer.from('{"cron_expression":"* * * * *","prompt":"\xff"}', 'latin1')),
  ],
  ['no string', (key: string) => client.hset(key, 'field', 'value')],
])('a definition that is %s is reported, and neither saved nor deleted', async (_what, damage) => {
  await stores.scheduledJobs.save(job('a'))
  await client.del('infer:schedules:a')
  await damage('infer:schedules:a')
  const before = await client.dumpBuffer('infer:schedules:a')
  expect(await listed()).toEqual({ jobs: [], unreadable: ['a'] })
  await expectCode(stores.scheduledJobs.load('a'), 'E_CORRUPT')
  await expectCode(stores.scheduledJobs.save(job('a')), 'E_CORRUPT')
  await expectCode(stores.scheduledJobs.save(job('a'), { expected: 'absent' }), 'E_CORRUPT')
  await expectCode(stores.scheduledJobs.delete('a'), 'E_CORRUPT')
  expect(await client.dumpBuffer('infer:schedules:a')).toEqual(before)
})

test('a key whose name is no id is reported', async () => {
  await client.set('infer:schedules:no id', '{}')
  expect(await listed()).toEqual({ jobs: [], unreadable: ['no id'] })
})

test('a scheduling state that cannot be read is kept, and the definition with it', async () => {
  await stores.scheduledJobs.save(job('a'))
  await client.hset('infer:states', 'a', 'damaged')
  await expectCode(stores.scheduledJobs.save(job('a', { prompt: 'new' })), 'E_CORRUPT')
  await expectCode(stores.scheduledJobs.load('a'), 'E_CORRUPT')
  await expectCode(stores.jobRuns.states(), 'E_CORRUPT')
  expect(await listed()).toEqual({ jobs: [], unreadable: ['a'] })
  expect(await client.hget('infer:states', 'a')).toBe('damaged')
  expect(await client.get('infer:schedules:a')).not.toContain('new')
})

test('a save, an append and a line of history are one command each', async () => {
  await stores.scheduledJobs.save(job('a'))
  const commands: string[] = []
  const monitor = await client.monitor()
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source !== 'lua') commands.push(String(args[0]).toLowerCase())
  })
  await stores.scheduledJobs.save(job('a', { prompt: 'new', cronExpression: '0 0 * * *' }))
  await stores.scheduledJobs.save(job('b'))
  await stores.conversations.append('c', { expectedLength: 0, entries: entries(1), metadata: details() })
  await stores.shellHistory.append('line')
  await client.echo('end')
  await waitFor('the end', () => commands.includes('echo'))
  // A script that the server does not know yet is sent once more, as text.
  const sent = commands.filter((command) => command !== 'eval')
  expect(sent).toEqual(['evalsha', 'evalsha', 'evalsha', 'rpush', 'echo'])
  monitor.disconnect()
})

test('a save keeps runs and outcome, and starts anew only with another schedule', async () => {
  const first = await stores.scheduledJobs.save(job('a'))
  const claimed = await stores.jobRuns.claim(request(first, at(0), { trigger: 'manual' }))
  if (!claimed.claimed) throw new Error(claimed.refusal)
  await stores.jobRuns.start(claimed.run.id, 1, { pid: 1, host: 'h' })
  await stores.jobRuns.finish(claimed.run.id, 1, { state: 'failed', reason: 'broken' })
  const before = await stores.jobRuns.state('a')
  const prompt = await stores.scheduledJobs.save(job('a', { prompt: 'new' }))
  expect(prompt.lastError).toBe('broken')
  expect(await stores.jobRuns.state('a')).toEqual(before)
  const expression = await stores.scheduledJobs.save(job('a', { cronExpression: '0 0 * * *' }))
  const after = await stores.jobRuns.state('a')
  expect([expression.lastError, after?.lastError, after?.failures]).toEqual(['broken', 'broken', 1])
  expect(after?.cursor.getTime()).toBeGreaterThanOrEqual(before?.cursor.getTime() ?? Number.NaN)
  expect(after?.scheduleHash).not.toBe(before?.scheduleHash)
})

test('an equal save writes nothing', async () => {
  await stores.scheduledJobs.save(job('a'))
  const generation = await client.get('infer:generation')
  await stores.scheduledJobs.save(job('a'))
  expect(await client.get('infer:generation')).toBe(generation)
})

test('a full server refuses all of a write or nothing, and lets go of what is deleted', async () => {
  const stored = await stores.scheduledJobs.save(job('a'))
  await stores.conversations.append('c', { expectedLength: 0, entries: entries(2), metadata: details() })
  const keys = (await client.keys('*')).sort()
  const dumps = () => Promise.all(keys.map((key) => client.dumpBuffer(key)))
  const before = await dumps()
  await client.config('SET', 'maxmemory', '1')
  await expectCode(stores.scheduledJobs.save(job('a', { prompt: 'new', cronExpression: '1 * * * *' })), 'E_FULL')
  await expectCode(stores.scheduledJobs.save(job('b')), 'E_FULL')
  await expectCode(stores.jobRuns.claim(request(stored, at(0), { trigger: 'manual' })), 'E_FULL')
  const write = { expectedLength: 2, entries: entries(1, 2), metadata: details() }
  await expectCode(stores.conversations.append('c', write), 'E_FULL')
  await expectCode(stores.conversations.replace('c', write), 'E_FULL')
  await expectCode(stores.shellHistory.append('line'), 'E_FULL')
  await expectCode(stores.coordination.import('s', [{ key: 'k', kind: 'job', job: job('c') }]), 'E_FULL')
  expect(await dumps()).toEqual(before)
  expect((await client.keys('*')).sort()).toEqual(keys)
  await stores.scheduledJobs.delete('a')
  await stores.conversations.delete('c')
  expect(await listed()).toEqual({ jobs: [], unreadable: [] })
})

test('a conversation removed by hand leaves the list, and a lost index comes back', async () => {
  for (const [index, id] of ['a', 'b', 'c'].entries()) {
    const metadata = details({ updatedAt: at(index) })
    await stores.conversations.append(id, { expectedLength: 0, entries: entries(1), metadata })
  }
  const ids = async (limit: number) =>
    (await stores.conversations.list({ limit, offset: 0 })).conversations.map(({ id }) => id)
  await client.del('infer:conversations:c', 'infer:conversation-entries:c')
  expect(await ids(2)).toEqual(['b', 'a'])
  expect(await client.zrange('infer:conversation-index', '0', '-1')).toEqual(['a', 'b'])
  await client.del('infer:conversation-index')
  expect(await ids(0)).toEqual(['b', 'a'])
})

test('a conversation that cannot be read is reported and not written over', async () => {
  await stores.conversations.append('a', { expectedLength: 0, entries: entries(1), metadata: details() })
  const write = { expectedLength: 1, entries: entries(1, 1), metadata: details() }
  await client.set('infer:conversations:a', '{"torn')
  expect(await stores.conversations.list({ limit: 0, offset: 0 })).toMatchObject({
    conversations: [],
    unreadable: [{ id: 'a', error: { code: 'E_CORRUPT' } }],
  })
  await expectCode(stores.conversations.load('a'), 'E_CORRUPT')
  await expectCode(stores.conversations.append('a', write), 'E_CORRUPT')
  await expectCode(stores.conversations.replace('a', write), 'E_CORRUPT')
  await expectCode(stores.conversations.updateMetadata('a', { title: 'x' }), 'E_CORRUPT')
  expect(await client.get('infer:conversations:a')).toBe('{"torn')
  await client.del('infer:conversations:a')
  await expectCode(stores.conversations.load('a'), 'E_CORRUPT')
})

test('a script that the server has forgotten is sent again', async () => {
  await stores.scheduledJobs.save(job('a'))
  await client.script('FLUSH')
  await stores.scheduledJobs.save(job('a', { prompt: 'new' }))
  expect((await stores.scheduledJobs.load('a')).prompt).toBe('new')
})

test('a connection that is cut heals, and a command either happens once or is E_UNAVAILABLE', async () => {
  let confirmed = 0
  for (let n = 0; n < 30; n++) {
    const appended = Promise.allSettled([stores.shellHistory.append(`line ${n}`)])
    if (n % 5 === 0) await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    const [result] = await appended
    if (result.status === 'fulfilled') confirmed++
    else expect(result.reason).toMatchObject({ code: 'E_UNAVAILABLE' })
  }
  const lines = await stores.shellHistory.load(0)
  expect(new Set(lines).size).toBe(lines.length)
  expect(lines.length).toBeGreaterThanOrEqual(confirmed)
  expect(confirmed).toBeGreaterThan(20)
})
