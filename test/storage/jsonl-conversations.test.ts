import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { openJsonl } from '#storage/jsonl/open.ts'
import { StorageProcess } from '../support/storage-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { at, details, entries, entry } from './conformance/samples.ts'
import { expectCode } from './conformance/storage-test.ts'
import { jsonlPlace, withFiles } from './jsonl-place.ts'

let place: ReturnType<typeof jsonlPlace>
beforeEach(() => {
  place = jsonlPlace()
})

const fileOf = (id: string) => join(place.conversationsDir, `${id}.jsonl`)
const linesOf = (id: string) => readFileSync(fileOf(id), 'utf8').split('\n').slice(0, -1)
const write = (expectedLength: number, count = 1) => ({
  expectedLength,
  entries: entries(count, expectedLength),
  metadata: details(),
})
const put = (id: string, text: string) => {
  mkdirSync(place.conversationsDir, { recursive: true })
  writeFileSync(fileOf(id), text)
}
const metaLine = (id: string, count: number, changes: object = {}) =>
  `${JSON.stringify({ type: 'meta', metadata: { id, title: 'T', created_at: at(0), updated_at: at(0), message_count: count, ...changes } })}\n`
const goEntry = (index: number) =>
  `${JSON.stringify({ ...(index === 0 && { v: 2 }), type: 'entry', index, entry: entry(`entry ${index}`) })}\n`

async function use<T>(act: (stores: Stores) => Promise<T>): Promise<T> {
  return await withFiles(place, act)
}

describe('a torn file', () => {
  test.each([1, 40, 300])('%i bytes short: the last line is set aside, the rest loads', async (bytes) => {
    await use(async ({ conversations }) => {
      await conversations.append('c', write(0, 3))
      await conversations.append('c', { ...write(3), metadata: details({ title: 'Torn' }) })
      truncateSync(fileOf('c'), statSync(fileOf('c')).size - bytes)
      const { entries: loaded, damage, metadata } = await conversations.load('c')
      expect(loaded).toEqual(entries(4))
      expect(metadata.messageCount).toBe(4)
      expect(damage).toEqual(
        bytes === 1 ? [] : [expect.stringMatching(/^line 6 is torn after \d+ bytes; it was set aside$/)],
      )
      const [listed] = (await conversations.list({ limit: 0, offset: 0 })).conversations
      expect(listed).toEqual(metadata)
    })
  })

  test('the next append keeps the torn text in a line that is JSON, so that every reader reads on', async () => {
    await use(async ({ conversations }) => {
      await conversations.append('c', write(0, 3))
      const torn = '{"type":"entry","index":3,"entry":{"message":{"role":"user","cont'
      appendFileSync(fileOf('c'), torn)
      await conversations.append('c', { ...write(3), metadata: details({ title: 'After' }) })
      const lines = linesOf('c').map((line) => JSON.parse(line) as { type: string; text?: string; v?: number })
      expect(lines.map(({ type }) => type)).toEqual(['entry', 'entry', 'entry', 'damaged', 'entry', 'meta'])
      expect(lines[3]?.text).toBe(torn)
      expect(lines[0]?.v).toBe(2)
      await conversations.append('c', write(4))
      const loaded = await conversations.load('c')
      expect(loaded.entries).toEqual(entries(5))
      expect(loaded.damage).toEqual(['line 4 was found torn earlier and is set aside'])
      await conversations.replace('c', write(5, 0))
      expect((await conversations.load('c')).damage).toHaveLength(1)
    })
  })

  test('a torn first line: the format stays recognisable', async () => {
    put('c', '{"v":2,"type":"entry","index":0,"entry":{"mess')
    await use(async ({ conversations }) => {
      await expectCode(conversations.load('c'), 'E_CORRUPT')
      await expectCode(conversations.append('c', write(0)), 'E_CORRUPT')
      expect(readFileSync(fileOf('c'), 'utf8')).toMatch(/mess$/)
      const { conversations: listed, unreadable } = await conversations.list({ limit: 5, offset: 0 })
      expect(listed).toEqual([])
      expect(unreadable).toMatchObject([{ id: 'c', error: { code: 'E_CORRUPT' } }])
      put('c', `{"torn\n${goEntry(1)}${metaLine('c', 1)}`)
      await conversations.append('c', write(1))
      expect((await conversations.load('c')).entries).toEqual([entry('entry 1'), entry('entry 1')])
    })
  })

  test('entries without any metadata load, and can be continued', async () => {
    put('c', `${goEntry(0)}${goEntry(1)}{"type":"me`)
    await use(async ({ conversations }) => {
      const { entries: loaded, damage, metadata } = await conversations.load('c')
      expect(loaded).toEqual(entries(2))
      expect(damage).toHaveLength(2)
      expect(metadata).toMatchObject({ id: 'c', title: '', createdAt: at(0), messageCount: 2 })
      await conversations.append('c', write(2))
      expect((await conversations.load('c')).entries).toEqual(entries(3))
    })
  })

  test('a line in the middle that cannot be read does not end the conversation', async () => {
    put('c', `${goEntry(0)}\u0000\u0000\u0000\n${goEntry(2)}${metaLine('c', 3)}`)
    await use(async ({ conversations }) => {
      const { entries: loaded, damage } = await conversations.load('c')
      expect(loaded).toEqual([entry('entry 0'), entry('entry 2')])
      expect(damage).toEqual(['line 2 cannot be read; it was set aside'])
      await conversations.append('c', write(2))
      expect((await conversations.load('c')).entries).toHaveLength(3)
      await expectCode(conversations.append('c', write(2, 2)), 'E_CONFLICT')
    })
  })

  test('entries that another program added without metadata count', async () => {
    await use(async ({ conversations }) => {
      await conversations.append('c', write(0, 2))
      appendFileSync(fileOf('c'), goEntry(2))
      expect((await conversations.list({ limit: 0, offset: 0 })).conversations[0]?.messageCount).toBe(3)
      await expectCode(conversations.append('c', write(2, 2)), 'E_CONFLICT')
      await conversations.append('c', write(3))
      expect((await conversations.load('c')).entries).toEqual(entries(4))
    })
  })
})

test('version 1 is read, and the next write makes it version 2', async () => {
  const metadata = { id: 'c', title: 'Old', created_at: at(0), updated_at: at(5), message_count: 2, unknown: 1 }
  put('c', `${JSON.stringify({ metadata })}\n${JSON.stringify({ entries: entries(2) })}\n`)
  await use(async ({ conversations }) => {
    const old = await conversations.load('c')
    expect(old).toMatchObject({ entries: entries(2), damage: [], metadata: { title: 'Old', extra: { unknown: 1 } } })
    expect((await conversations.list({ limit: 0, offset: 0 })).conversations).toEqual([old.metadata])
    await conversations.updateMetadata('c', { title: 'New' })
    await conversations.append('c', { ...write(2), metadata: { ...old.metadata, title: 'Newer' } })
    expect(await conversations.load('c')).toMatchObject({ entries: entries(3), metadata: { title: 'Newer' } })
    expect(linesOf('c').map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      'entry',
      'entry',
      'meta',
      'entry',
      'meta',
    ])
    expect(linesOf('c')[0]).toMatch(/^\{"v":2,/)
  })
})

test('a newer format is refused and left as it is', async () => {
  const text = `{"v":3,"type":"entry","entry":{"message":{}}}\n`
  put('c', text)
  await use(async ({ conversations }) => {
    await expectCode(conversations.load('c'), 'E_SCHEMA_NEWER')
    await expectCode(conversations.append('c', write(1)), 'E_SCHEMA_NEWER')
    expect(readFileSync(fileOf('c'), 'utf8')).toBe(text)
  })
})

test('killed while it appends: what was confirmed is there, and the next append goes on', async () => {
  for (let round = 0; round < 4; round++) {
    const id = `c${round}`
    await using writer = await StorageProcess.open(place)
    writer.begin('appendForever', id)
    await waitFor('some appends', () => writer.confirmed() > 20 + round * 7)
    await writer.child.kill()
    const confirmed = writer.confirmed()
    await use(async ({ conversations, shellHistory }) => {
      const { entries: loaded } = await conversations.load(id)
      expect(loaded.length).toBeGreaterThanOrEqual(confirmed)
      expect(loaded).toEqual(entries(loaded.length))
      await conversations.append(id, write(loaded.length))
      expect((await conversations.load(id)).entries).toEqual(entries(loaded.length + 1))
      expect((await shellHistory.load(0)).length).toBeGreaterThanOrEqual(confirmed)
    })
  }
})

test('no room: E_FULL, and what was stored is intact', async () => {
  await use(async ({ conversations }) => conversations.append('c', write(0, 10)))
  const before = readFileSync(fileOf('c'), 'utf8')
  await using writer = await StorageProcess.open(place)
  execFileSync('prlimit', ['--pid', String(writer.child.pid), `--fsize=${before.length + 5_000}`])
  await expect(writer.call('appendLarge', 'c', 10)).rejects.toMatchObject({ code: 'E_FULL' })
  expect(readFileSync(fileOf('c'), 'utf8')).toBe(before)
  await expect(writer.call('appendLarge', 'new', 0)).rejects.toMatchObject({ code: 'E_FULL' })
  expect(readdirSync(place.conversationsDir).filter((name) => !name.startsWith('.state'))).toEqual(['c.jsonl'])
})

describe('the list', () => {
  test('follows what other programs do to the files', async () => {
    await use(async ({ conversations }) => {
      for (const n of [1, 2, 3]) {
        await conversations.append(`c${n}`, {
          ...write(0),
          metadata: details({ updatedAt: at(n), titleGenerated: true }),
        })
      }
      const ids = async () => (await conversations.list({ limit: 0, offset: 0 })).conversations.map(({ id }) => id)
      expect(await ids()).toEqual(['c3', 'c2', 'c1'])
      appendFileSync(fileOf('c1'), metaLine('c1', 1, { updated_at: at(9) }))
      expect(await ids()).toEqual(['c1', 'c3', 'c2'])
      expect((await conversations.listNeedingTitles(0)).map(({ id }) => id)).toEqual(['c1'])
      put('c0', `${goEntry(0)}${metaLine('c0', 1, { updated_at: at(7) })}`)
      expect(await ids()).toEqual(['c1', 'c0', 'c3', 'c2'])
      put('not an id', 'x')
      const { unreadable } = await conversations.list({ limit: 1, offset: 0 })
      expect(unreadable).toMatchObject([{ id: 'not an id', error: { code: 'E_CORRUPT' } }])
      writeFileSync(join(place.conversationsDir, '.state/index'), 'nonsense\n')
      expect(await ids()).toEqual(['c1', 'c0', 'c3', 'c2'])
    })
  })

  test('of 2,500: changes of ours show at once, also those of another process', async () => {
    for (let n = 0; n < 2_500; n++) put(`c${n}`, `${goEntry(0)}${metaLine(`c${n}`, 1, { updated_at: at(n) })}`)
    const old = new Date(Date.now() - 60_000)
    utimesSync(place.conversationsDir, old, old)
    await using stores = await openJsonl(place)
    await using other = await openJsonl(place)
    const newest = async () =>
      (await stores.conversations.list({ limit: 2, offset: 0 })).conversations.map(({ id }) => id)
    expect(await newest()).toEqual(['c2499', 'c2498'])
    await other.conversations.append('c7', { ...write(1), metadata: details({ updatedAt: at(9_000) }) })
    expect(await newest()).toEqual(['c7', 'c2499'])
    await other.conversations.updateMetadata('c9', { updatedAt: at(9_001) })
    expect(await newest()).toEqual(['c9', 'c7'])
    await other.conversations.delete('c9')
    expect(await newest()).toEqual(['c7', 'c2499'])
    appendFileSync(fileOf('c2499'), metaLine('c2499', 1, { updated_at: at(1) }))
    expect(await newest()).toEqual(['c7', 'c2498'])
  })

  test('of 2,500: new ones of ours are found without a look at the others, and those of other programs too', async () => {
    for (let n = 0; n < 2_500; n++) put(`c${n}`, `${goEntry(0)}${metaLine(`c${n}`, 1, { updated_at: at(n) })}`)
    await using stores = await openJsonl(place)
    await using other = await openJsonl(place)
    const index = join(place.conversationsDir, '.state/index')
    const newest = async () =>
      (await stores.conversations.list({ limit: 2, offset: 0 })).conversations.map(({ id }) => id)
    expect(await newest()).toEqual(['c2499', 'c2498'])
    const compared = readFileSync(index, 'utf8')
    await other.conversations.append('new1', { ...write(0), metadata: details({ updatedAt: at(9_000) }) })
    expect(await newest()).toEqual(['new1', 'c2499'])
    await stores.conversations.append('new2', { ...write(0), metadata: details({ updatedAt: at(2_498.5) }) })
    await other.conversations.delete('c2499')
    expect(await newest()).toEqual(['new1', 'new2'])
    await stores.conversations.replace('new2', { ...write(1), metadata: details({ updatedAt: at(9_002) }) })
    expect((await stores.conversations.list({ limit: 2, offset: 1 })).conversations.map(({ id }) => id)).toEqual([
      'new1',
      'c2498',
    ])
    expect(readFileSync(index, 'utf8')).toBe(compared)
    put('foreign', `${goEntry(0)}${metaLine('foreign', 1, { updated_at: at(9_003) })}`)
    // Within one tick of the clock the directory shows no second change.
    const later = new Date(Date.now() + 1_000)
    utimesSync(place.conversationsDir, later, later)
    expect(await newest()).toEqual(['foreign', 'new2'])
    await other.conversations.delete('new2')
    rmSync(fileOf('foreign'))
    utimesSync(place.conversationsDir, new Date(), new Date())
    expect(await newest()).toEqual(['new1', 'c2498'])
    const zeros = Buffer.alloc(readFileSync(index).length)
    writeFileSync(index, zeros)
    expect(await newest()).toEqual(['new1', 'c2498'])
  })
})
