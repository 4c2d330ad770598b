import { chmodSync, existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { StorageErrorCode } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { StorageType } from '#storage/options.ts'
import { examineStores } from '#storage/transfer/verify.ts'
import { details, entries, entry, job } from '../storage/conformance/samples.ts'
import { makeBackend, type TestBackend, testDirectory } from '../support/backends.ts'
import { startRedis } from '../support/redis-server.ts'
import { StorageProcess } from '../support/storage-process.ts'
import { smallDisk } from '../support/tmpfs.ts'
import { waitFor } from '../support/wait-for.ts'
import { DURABLE, type Durable } from './durable.ts'
import { failWrites, tearLastEntry } from './file-faults.ts'

/**
 * The faults that files know, on every backend: what a caller sees is the same, whatever is below. Each is made in the
 * way that this backend has it.
 */

const WRITERS = 8
const EACH = 25

async function place(type: StorageType): Promise<{ backend: TestBackend; stores: Stores }> {
  const backend = await makeBackend(type)
  onTestFinished(() => backend[Symbol.asyncDispose]())
  return { backend, stores: await backend.open() }
}

type OwnPlace = { backend: Pick<TestBackend, 'options'>; stores: Stores }

/** A place that can be filled up without harm to others. */
async function ownPlace(type: Durable): Promise<OwnPlace | undefined> {
  if (type === 'redis') return await ownRedis()
  if (type !== 'sqlite') return await place(type)
  const disk = smallDisk('2m')
  if (disk === undefined) return undefined
  const options = { type, path: `${disk}/infer.db`, warn: () => {} }
  const stores = await openStores(options)
  onTestFinished(() => stores[Symbol.asyncDispose]())
  return { backend: { options: () => options }, stores }
}

/** A server that nobody else uses. */
async function ownRedis(): Promise<OwnPlace> {
  const server = await startRedis(testDirectory())
  const parts = { host: '', port: 0, username: '', password: '', db: 0, tls: false }
  const options = { type: 'redis' as const, url: server.url, ...parts, warn: () => {} }
  const stores = await openStores(options)
  onTestFinished(async () => {
    await stores[Symbol.asyncDispose]()
    await server.stop()
  })
  return { backend: { options: () => options }, stores }
}

const write = (expectedLength: number, count = 1) => ({
  expectedLength,
  entries: entries(count, expectedLength),
  metadata: details(),
})

async function expectCode(work: Promise<unknown>, code: StorageErrorCode): Promise<void> {
  await expect(work).rejects.toMatchObject({ code })
}

describe.each(DURABLE)('%s', (type: Durable) => {
  test('kill -9 while it appends, three times: confirmed entries are there, none is torn, the next one follows', {
    timeout: 120_000,
  }, async () => {
    const { backend, stores } = await place(type)
    for (let round = 0; round < 3; round++) {
      const id = `c${round}`
      await using writer = await StorageProcess.open(backend.options())
      writer.begin('appendForever', id)
      await waitFor('5 confirmed appends', () => writer.confirmed() >= 5, 60_000)
      await writer.child.kill()
      const { entries: loaded, damage } = await stores.conversations.load(id)
      expect([writer.confirmed(), writer.confirmed() + 1]).toContain(loaded.length)
      expect(loaded).toEqual(entries(loaded.length))
      expect(damage).toEqual([])
      await stores.conversations.append(id, write(loaded.length))
      expect((await stores.conversations.load(id)).entries).toEqual(entries(loaded.length + 1))
    }
  })

  test('kill -9 while it replaces: the old conversation or the new one, and nothing between', {
    timeout: 120_000,
  }, async () => {
    const { backend, stores } = await place(type)
    const size = 40
    await stores.conversations.append('c', { expectedLength: 0, entries: texts('start', size), metadata: details() })
    for (let round = 0; round < 3; round++) {
      await using writer = await StorageProcess.open(backend.options())
      writer.begin('replaceForever', 'c', size)
      await waitFor('3 confirmed replacements', () => writer.confirmed() >= 3, 60_000)
      await writer.child.kill()
      const loaded = await stores.conversations.load('c')
      const [first] = loaded.entries
      expect(loaded.entries).toHaveLength(size)
      expect(loaded.entries.every(({ message }) => message.content === first?.message.content)).toBe(true)
      expect(`${loaded.metadata.title}`).toBe(first?.message.content)
      expect(loaded.damage).toEqual([])
    }
    const { damage } = await examineStores(stores)
    expect(damage).toEqual([])
  })

  test('kill -9 while it creates many: each is whole or not there, and creating them again completes them', {
    timeout: 120_000,
  }, async () => {
    const { backend, stores } = await place(type)
    await using writer = await StorageProcess.open(backend.options())
    writer.begin('createForever', 30)
    await waitFor('2 confirmed batches', () => writer.confirmed() >= 2, 60_000)
    await writer.child.kill()
    const { conversations, unreadable } = await stores.conversations.list({ limit: 0, offset: 0 })
    expect(unreadable).toEqual([])
    expect(conversations.length).toBeGreaterThanOrEqual(60)
    for (const { id } of conversations) expect((await stores.conversations.load(id)).entries).toEqual(entries(3))
  })

  test('a torn last entry hides nothing silently: it is named, and the conversation is kept', async () => {
    const { backend, stores } = await place(type)
    await stores.conversations.append('c', write(0, 2))
    await stores.conversations.append('c', write(2))
    await stores.conversations.append('other', write(0, 1))
    await stores[Symbol.asyncDispose]()
    await tearLastEntry(backend, 'c')
    const again = await backend.open()
    const { damage } = await examineStores(again)
    expect(damage).toMatchObject([{ domain: 'conversations', id: 'c' }])
    const told = await again.conversations.load('c').then(
      (loaded) => ({ kept: loaded.entries, said: loaded.damage.length }),
      (error: { code: string }) => error.code,
    )
    // A file that only grows can lose its last line, and the rest is good. A row or list that was changed cannot.
    expect(told).toEqual(type === 'jsonl' ? { kept: entries(2), said: 1 } : 'E_CORRUPT')
    expect((await again.conversations.load('other')).entries).toEqual(entries(1))
  })

  test('no room: E_FULL, what was stored is intact, and it goes on once there is room', {
    timeout: 60_000,
  }, async ({ skip }) => {
    const own = await ownPlace(type)
    if (own === undefined) return skip('a tmpfs may only be mounted by root')
    const { backend, stores } = own
    await stores.conversations.append('c', write(0, 5))
    const saved = await stores.scheduledJobs.save(job('j'))
    const full = await failWrites(backend, stores)
    await expectCode(full.append('c', 5), 'E_FULL')
    await expectCode(full.append('new', 0), 'E_FULL')
    await full.end()
    expect((await stores.conversations.load('c')).entries).toEqual(entries(5))
    expect(await stores.scheduledJobs.load('j')).toEqual(saved)
    await expectCode(stores.conversations.load('new'), 'E_NOT_FOUND')
    await stores.conversations.append('c', write(5))
    expect((await examineStores(stores)).damage).toEqual([])
  })

  test('eight writers of one conversation: every confirmed entry is there once, in one order', {
    timeout: 120_000,
  }, async () => {
    const { backend, stores } = await place(type)
    await using stack = new AsyncDisposableStack()
    const writers = await Promise.all(
      Array.from({ length: WRITERS }, async () => stack.use(await StorageProcess.open(backend.options()))),
    )
    await Promise.all(writers.map((writer, n) => writer.call('appendTogether', 'shared', `w${n}`, EACH)))
    const { entries: loaded, damage } = await stores.conversations.load('shared')
    expect(damage).toEqual([])
    expect(loaded).toHaveLength(WRITERS * EACH)
    for (let n = 0; n < WRITERS; n++) {
      const own = loaded.map(({ message }) => String(message.content)).filter((text) => text.startsWith(`w${n} `))
      expect(own).toEqual(Array.from({ length: EACH }, (_, index) => `w${n} ${index}`))
    }
    const history = await stores.shellHistory.load(0)
    expect(history.toSorted()).toEqual(loaded.map(({ message }) => String(message.content)).toSorted())
  })

  test('NUL and lone surrogates are E_INVALID in every domain, and nothing of the write stands', async () => {
    const { stores } = await place(type)
    for (const bad of ['a\0b', 'half \ud800 pair', '\udc00']) {
      const metadata = details({ title: bad })
      await expectCode(
        stores.conversations.append('c', { expectedLength: 0, entries: [entry(bad)], metadata: details() }),
        'E_INVALID',
      )
      await expectCode(stores.conversations.append('c', { expectedLength: 0, entries: [], metadata }), 'E_INVALID')
      await expectCode(stores.scheduledJobs.save(job('j', { prompt: bad })), 'E_INVALID')
      await expectCode(stores.plans.save({ title: 'x', body: bad }), 'E_INVALID')
      await expectCode(stores.shellHistory.append(bad), 'E_INVALID')
      const group = { currentSessionId: bad, history: [], updatedAt: new Date(0) }
      await expectCode(stores.sessionGroups.put('k', group), 'E_INVALID')
      await expectCode(
        stores.coordination.acceptMessages('t', undefined, 1, [{ id: 'm', sender: 's', body: bad }]),
        'E_INVALID',
      )
    }
    expect((await examineStores(stores)).domains.every(({ from }) => from.count === 0)).toBe(true)
  })

  test('text that is odd and valid comes back to the byte', async () => {
    const { stores } = await place(type)
    const odd = '\u0001\u007f\u2028\ufeff\ufffd\u{10ffff} e\u0301 \r\n \\u0000'
    await stores.conversations.append('c', {
      expectedLength: 0,
      entries: [entry(odd)],
      metadata: details({ title: odd }),
    })
    await stores.scheduledJobs.save(job('j', { prompt: odd }))
    await stores.shellHistory.append(odd)
    expect(await stores.conversations.load('c')).toMatchObject({ entries: [entry(odd)], metadata: { title: odd } })
    expect((await stores.scheduledJobs.load('j')).prompt).toBe(odd)
    expect(await stores.shellHistory.load(0)).toEqual([odd])
  })
})

describe('files and sqlite, where the file system refuses', () => {
  test.each(['jsonl', 'sqlite'] as const)(
    '%s: permission denied is E_UNAVAILABLE, says where, and loses nothing',
    async (type) => {
      const { backend, stores } = await place(type)
      await stores.conversations.append('c', write(0, 2))
      const options = backend.options()
      await stores[Symbol.asyncDispose]()
      const file =
        options.type === 'sqlite'
          ? options.path
          : `${(options as { conversationsDir: string }).conversationsDir}/c.jsonl`
      const directory = dirname(file)
      const modes = [file, directory].map((path) => [path, path === file ? 0o600 : 0o700] as const)
      chmodSync(file, 0)
      chmodSync(directory, 0o500)
      onTestFinished(() => {
        for (const [path, mode] of modes) if (existsSync(path)) chmodSync(path, mode)
      })
      await asOrdinaryUser(async () => {
        const denied = {
          name: 'StorageError',
          code: 'E_UNAVAILABLE',
          message: expect.stringContaining('place-') as string,
        }
        await expect(backend.open().then((one) => one.conversations.load('c'))).rejects.toMatchObject(denied)
      })
      for (const [path, mode] of modes.toReversed()) chmodSync(path, mode)
      const again = await backend.open()
      expect((await again.conversations.load('c')).entries).toEqual(entries(2))
      expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
    },
  )
})

/** Root may read and write everything, so another user's rights are taken for the time of the test. */
async function asOrdinaryUser(work: () => Promise<void>): Promise<void> {
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    if (root) process.seteuid?.(0)
  }
}

function texts(text: string, count: number) {
  return Array.from({ length: count }, () => entry(text))
}
