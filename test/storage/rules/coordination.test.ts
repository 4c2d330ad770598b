import { expect, test } from 'vitest'
import type { JsonObject } from '#storage/contract/json.ts'
import { coordination } from '#storage/rules/coordination.ts'
import { type Documents, transactDocument } from '#storage/rules/documents.ts'
import { at } from '../conformance/samples.ts'

/** Documents with a clock that the test sets, and a rival that writes between a read and its write. */
class Held implements Documents {
  readonly backend = 'redis'
  readonly stored = new Map<string, { value: JsonObject; version: string }>()
  clock = at(0)
  writes = 0
  rival: (key: string) => void = () => {}

  async now() {
    return this.clock
  }

  async get(key: string) {
    const stored = this.stored.get(key)
    this.rival(key)
    return stored
  }

  async put(key: string, version: string | undefined, value: JsonObject | null) {
    if (this.stored.get(key)?.version !== version) return false
    this.write(key, value)
    return true
  }

  write(key: string, value: JsonObject | null): void {
    this.writes += 1
    if (value === null) this.stored.delete(key)
    else this.stored.set(key, { value, version: String(this.writes) })
  }

  async list(prefix: string) {
    const found = [...this.stored].filter(([key]) => key.startsWith(prefix)).sort()
    return new Map(found.map(([key, { value }]) => [key, value]))
  }
}

const DAEMON = {
  id: 'd1',
  host: 'h',
  pid: 1,
  version: 'v',
  tzdata: 't',
  timezone: 'z',
  since: at(0),
  scheduler: true,
  behind: false,
  clock: at(0),
}
const DAY = 24 * 60 * 60

test('a daemon that was not seen for 24 hours is forgotten', async () => {
  const documents = new Held()
  const store = coordination(documents)
  await store.beat(DAEMON)
  documents.clock = at(DAY - 1)
  await store.beat({ ...DAEMON, id: 'd2', since: at(1) })
  expect((await store.daemons()).map(({ id }) => id)).toEqual(['d1', 'd2'])
  documents.clock = at(DAY)
  expect((await store.daemons()).map(({ id }) => id)).toEqual(['d2'])
  expect([...documents.stored.keys()]).toEqual(['presence/d2'])
})

test('a daemon of a release that did not say whether it is behind is not', async () => {
  const documents = new Held()
  const store = coordination(documents)
  await store.beat({ ...DAEMON, behind: true })
  expect((await store.daemons()).map(({ behind }) => behind)).toEqual([true])
  const { behind: _, ...older } = documents.stored.get('presence/d1')?.value ?? {}
  documents.write('presence/d1', older)
  expect((await store.daemons()).map(({ behind }) => behind)).toEqual([false])
})

test('one that beats while it is being forgotten stays', async () => {
  const documents = new Held()
  const store = coordination(documents)
  await store.beat(DAEMON)
  documents.clock = at(DAY)
  const fresh = { ...documents.stored.get('presence/d1')?.value, lastBeat: at(DAY).toISOString() }
  documents.rival = (key) => {
    documents.rival = () => {}
    documents.write(key, fresh)
  }
  await store.daemons()
  expect((await store.daemons()).map(({ id }) => id)).toEqual(['d1'])
})

test('a decision is made again when somebody else was first, and nothing is written without need', async () => {
  const documents = new Held()
  let races = 5
  documents.rival = (key) => {
    if (races-- > 0) documents.write(key, { n: races })
  }
  const decided: unknown[] = []
  await transactDocument(documents, 'k', (value) => {
    decided.push(value?.n)
    return { answer: undefined, next: { n: 'mine' } }
  })
  expect(decided).toEqual([undefined, 4, 3, 2, 1, 0])
  expect(documents.stored.get('k')?.value).toEqual({ n: 'mine' })
  const writes = documents.writes
  await transactDocument(documents, 'k', () => ({ answer: undefined }))
  expect(documents.writes).toBe(writes)
})

test('a document that never stands still is E_BUSY', async () => {
  const documents = new Held()
  documents.rival = (key) => documents.write(key, {})
  await expect(transactDocument(documents, 'k', () => ({ answer: 1, next: {} }))).rejects.toMatchObject({
    code: 'E_BUSY',
  })
})
