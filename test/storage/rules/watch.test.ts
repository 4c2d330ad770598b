import { expect, test } from 'vitest'
import { StorageError } from '#storage/contract/errors.ts'
import type { ScheduledJobChange, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { storedJob } from '#storage/rules/revision.ts'
import { type WatchSource, watchJobs } from '#storage/rules/watch.ts'
import { waitFor } from '../../support/wait-for.ts'
import { job } from '../conformance/samples.ts'

/** A source that the test holds in its hand. */
class Source implements WatchSource {
  readonly backend = 'redis'
  readonly jobs = new Map<string, StoredJob>()
  readonly tokens = new Map<string, string>()
  readonly broken = new Map<string, string>()
  readonly calls = { index: 0, load: [] as string[][], changed: 0 }
  failure: Error | undefined
  isChanged = false
  confirmDeletionMs = 0
  listening = 0
  hint: () => void = () => {}
  /** Called within each `index`. */
  during: () => void = () => {}

  put(id: string, prompt: string): void {
    const stored = storedJob(job(id, { prompt }), undefined)
    this.jobs.set(id, stored)
    this.tokens.set(id, stored.revision)
  }

  async listen(hint: () => void): Promise<AsyncDisposable> {
    this.hint = hint
    this.listening += 1
    return {
      [Symbol.asyncDispose]: async () => {
        this.listening -= 1
      },
    }
  }

  async changed(): Promise<boolean> {
    this.calls.changed += 1
    return this.isChanged
  }

  async index(): Promise<Map<string, string>> {
    this.calls.index += 1
    if (this.failure) throw this.failure
    const index = new Map(this.tokens)
    this.during()
    return index
  }

  async load(ids: readonly string[]) {
    this.calls.load.push([...ids])
    const unreadable = ids.flatMap((id) => {
      const message = this.broken.get(id)
      return message === undefined ? [] : [{ id, error: new StorageError('E_CORRUPT', 'redis', message) }]
    })
    return { jobs: ids.flatMap((id) => (this.broken.has(id) ? [] : (this.jobs.get(id) ?? []))), unreadable }
  }
}

function watch(source: Source, tuning: { pollMs?: number; fullListMs?: number; hints?: boolean } = {}) {
  const abort = new AbortController()
  const changes: ScheduledJobChange[] = []
  const options = { signal: abort.signal, pollMs: 600_000, fullListMs: 600_000, hints: true, ...tuning }
  const ended = (async () => {
    for await (const change of watchJobs(source, options)) changes.push(change)
  })()
  return {
    changes,
    said: () => changes.map((change) => ('id' in change ? `${change.type} ${change.id}` : change.type)),
    until: async (count: number) => await waitFor(`${count} changes`, () => changes.length >= count),
    async [Symbol.asyncDispose]() {
      abort.abort()
      await ended
    },
  }
}

test('first every job, then synced; a hint makes it look again and load only what changed', async () => {
  const source = new Source()
  source.put('a', '1')
  source.put('b', '1')
  await using watched = watch(source)
  await watched.until(3)
  expect(watched.said()).toEqual(['saved', 'saved', 'synced'])
  source.put('b', '2')
  source.tokens.delete('a')
  source.hint()
  await watched.until(5)
  expect(watched.said().slice(3)).toEqual(['saved', 'deleted a'])
  expect(source.calls.load).toEqual([['a', 'b'], ['b']])
})

test('a hint during a look makes one more look', async () => {
  const source = new Source()
  await using watched = watch(source)
  await watched.until(1)
  source.during = () => {
    source.during = () => {}
    source.put('late', '1')
    source.hint()
  }
  source.hint()
  await watched.until(2)
  expect(watched.said()).toEqual(['synced', 'saved'])
})

test('without hints nothing is listened to, and the poll finds it', async () => {
  const source = new Source()
  await using watched = watch(source, { hints: false, pollMs: 5 })
  await watched.until(1)
  expect(source.listening).toBe(0)
  const before = source.calls.index
  await waitFor('some polls', () => source.calls.changed > 5)
  expect(source.calls.index).toBe(before)
  source.put('a', '1')
  source.isChanged = true
  await watched.until(2)
  expect(watched.said()).toEqual(['synced', 'saved'])
})

test('the unconditional list finds what nothing else told', async () => {
  const source = new Source()
  await using watched = watch(source, { pollMs: 5, fullListMs: 20 })
  await watched.until(1)
  source.put('a', '1')
  await watched.until(2)
})

test('a token that changes without the definition is no change', async () => {
  const source = new Source()
  source.put('a', '1')
  await using watched = watch(source)
  await watched.until(2)
  source.tokens.set('a', 'touched')
  source.put('b', '1')
  source.hint()
  await watched.until(3)
  expect(watched.changes.at(-1)).toMatchObject({ type: 'saved', job: { id: 'b' } })
})

test('what cannot be read is told once, and told as saved when it can', async () => {
  const source = new Source()
  source.put('a', '1')
  await using watched = watch(source)
  await watched.until(2)
  source.broken.set('a', 'line 3')
  source.tokens.set('a', 'broken')
  source.hint()
  await watched.until(3)
  source.tokens.set('a', 'broken, touched')
  source.hint()
  source.put('marker', '1')
  source.hint()
  await watched.until(4)
  source.broken.delete('a')
  source.put('a', '1')
  source.hint()
  await watched.until(5)
  expect(watched.said()).toEqual(['saved', 'synced', 'unreadable a', 'saved', 'saved'])
})

test('a failed list says unavailable once, deletes nothing, and is synced again after what changed', async () => {
  const source = new Source()
  source.put('a', '1')
  source.put('b', '1')
  await using watched = watch(source, { pollMs: 5 })
  await watched.until(3)
  source.failure = new Error('gone')
  source.hint()
  await watched.until(4)
  const looked = source.calls.index
  await waitFor('more attempts', () => source.calls.index > looked + 1)
  source.tokens.delete('a')
  source.put('b', '2')
  source.failure = undefined
  await watched.until(7)
  expect(watched.said().slice(3)).toEqual(['unavailable', 'saved', 'deleted a', 'synced'])
  expect(watched.changes[3]).toMatchObject({ error: { name: 'StorageError', code: 'E_UNAVAILABLE' } })
})

test('a store that is not there at the start is said, then synced', async () => {
  const source = new Source()
  source.failure = new StorageError('E_BUSY', 'redis', 'busy')
  await using watched = watch(source, { pollMs: 5 })
  await watched.until(1)
  source.failure = undefined
  await watched.until(2)
  expect(watched.said()).toEqual(['unavailable', 'synced'])
  expect(watched.changes[0]).toMatchObject({ error: { code: 'E_BUSY' } })
})

test('a job that is absent for a moment only was not deleted', async () => {
  const source = new Source()
  source.confirmDeletionMs = 30
  source.put('a', '1')
  source.put('b', '1')
  await using watched = watch(source)
  await watched.until(3)
  const [a, b] = [source.tokens.get('a') ?? '', source.tokens.get('b') ?? '']
  source.tokens.clear()
  source.during = () => {
    source.during = () => {}
    source.tokens.set('a', a)
  }
  source.hint()
  await watched.until(4)
  expect(watched.said().slice(3)).toEqual(['deleted b'])
  expect(b).not.toBe('')
})

test('at the end nothing listens, whether by the signal or by the consumer', async () => {
  const source = new Source()
  const watched = watch(source)
  await watched.until(1)
  expect(source.listening).toBe(1)
  await watched[Symbol.asyncDispose]()
  expect(source.listening).toBe(0)
  const signal = new AbortController().signal
  for await (const _ of watchJobs(source, { signal, pollMs: 600_000, fullListMs: 600_000, hints: true })) break
  expect(source.listening).toBe(0)
})
