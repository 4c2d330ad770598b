import { describe, expect } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import type { Tuning } from '../../support/backends.ts'
import { AGENT, dueJob, runThrough } from './run-samples.ts'
import { job, request } from './samples.ts'
import type { StorageTest } from './storage-test.ts'
import { Watched } from './watched.ts'

/** Every hint dead: only the poll finds changes. */
const DEAF: Tuning = { watch: { hints: false, pollMs: 50 } }
/** Only the hint finds changes within the time of a test. */
const HINTS: Tuning = { watch: { pollMs: 600_000, fullListMs: 600_000 } }

async function saveMany(stores: Stores, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const id = `j${n % 7}`
    if (n % 5 === 4) await stores.scheduledJobs.delete(id).catch(() => {})
    else await stores.scheduledJobs.save(job(id, { prompt: `change ${n}` }))
  }
}

export function watchTests(test: StorageTest): void {
  describe('watch', () => {
    test('first every job, then synced', async ({ stores }) => {
      const saved = [await stores.scheduledJobs.save(job('a')), await stores.scheduledJobs.save(job('b'))]
      await using watched = await Watched.synced(stores)
      expect(watched.changes).toHaveLength(3)
      expect(watched.changes[2]).toEqual({ type: 'synced' })
      expect([...watched.jobs.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(saved)
    })

    test('an empty store is synced at once', async ({ stores }) => {
      await using watched = await Watched.synced(stores)
      expect(watched.changes).toEqual([{ type: 'synced' }])
    })

    test('tells what is created, changed and deleted, also by another connection', async ({ stores, open }) => {
      const other = await open()
      await stores.scheduledJobs.save(job('old'))
      await using watched = await Watched.synced(stores)
      const created = await other.scheduledJobs.save(job('new', { prompt: 'one' }))
      await watched.untilPrompt('new', 'one')
      const changed = await stores.scheduledJobs.save(job('new', { prompt: 'two' }))
      await watched.untilPrompt('new', 'two')
      await other.scheduledJobs.delete('old')
      await watched.untilPrompt('old', undefined)
      expect(watched.changes.slice(2)).toEqual([
        { type: 'saved', job: created },
        { type: 'saved', job: changed },
        { type: 'deleted', id: 'old' },
      ])
    })

    test('the poll alone is enough', async ({ backend, open }) => {
      const watching = await backend.open(DEAF)
      await using watched = await Watched.synced(watching)
      const other = await open()
      await other.scheduledJobs.save(job('j', { prompt: 'one' }))
      await watched.untilPrompt('j', 'one')
      await other.scheduledJobs.save(job('j', { prompt: 'two' }))
      await watched.untilPrompt('j', 'two')
      await other.scheduledJobs.delete('j')
      await watched.untilPrompt('j', undefined)
    })

    test('a run never looks like a change', async ({ stores, open }) => {
      const other = await open()
      const due = await dueJob(other, 'j', { overlap: 'allow' })
      await using watched = await Watched.synced(stores)
      await runThrough(other, due, 1)
      await runThrough(other, due, 2, { state: 'failed', reason: 'x' })
      const { id } = await due.claim(3)
      await other.jobRuns.start(id, 1, AGENT)
      await other.jobRuns.renew(id, 1)
      await other.jobRuns.prune('j', 1)
      await other.scheduledJobs.save(job('marker', { prompt: 'end' }))
      await watched.untilPrompt('marker', 'end')
      expect(watched.changes.map(({ type }) => type)).toEqual(['saved', 'synced', 'saved'])
    })

    test('a save that changes nothing tells nothing', async ({ stores, open }) => {
      const other = await open()
      await other.scheduledJobs.save(job('j'))
      await using watched = await Watched.synced(stores)
      await other.scheduledJobs.save(job('j'))
      await other.scheduledJobs.save(job('marker', { prompt: 'end' }))
      await watched.untilPrompt('marker', 'end')
      expect(watched.changes).toHaveLength(3)
    })

    test('a run_once job that was claimed is told as deleted', async ({ stores, open }) => {
      const other = await open()
      const due = await dueJob(other, 'once', { runOnce: true })
      await using watched = await Watched.synced(stores)
      expect((await other.jobRuns.claim(request(due.stored, due.fire(1)))).claimed).toBe(true)
      await watched.untilPrompt('once', undefined)
      expect(watched.changes.at(-1)).toEqual({ type: 'deleted', id: 'once' })
    })

    test.for<[string, Tuning]>([
      ['with hints', {}],
      ['with every hint dead', DEAF],
    ])('the final state is right after 200 rapid changes, %s', async ([, tuning], { backend, open }) => {
      const watching = await backend.open(tuning)
      await using watched = await Watched.synced(watching)
      await using second = await Watched.synced(watching)
      const other = await open()
      await saveMany(other, 200)
      await other.scheduledJobs.save(job('marker', { prompt: 'end' }))
      const { jobs } = await other.scheduledJobs.list()
      const expected = new Map(jobs.map(({ id, revision }) => [id, revision]))
      for (const watch of [watched, second]) {
        await watch.until('the final state', () => {
          const told = [...watch.jobs].map(([id, { revision }]) => `${id} ${revision}`)
          return (
            told.sort().join() ===
            [...expected]
              .map(([id, revision]) => `${id} ${revision}`)
              .sort()
              .join()
          )
        })
        expect(watch.changes.filter(({ type }) => type === 'unavailable')).toEqual([])
      }
    })

    test('changes during the first list are not lost', async ({ stores, open }) => {
      const other = await open()
      for (let n = 0; n < 20; n++) await other.scheduledJobs.save(job(`j${n}`))
      await using watched = new Watched(stores)
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => other.scheduledJobs.save(job(`j${n}`, { prompt: 'changed' }))),
      )
      await watched.until('all changed', () => {
        return watched.jobs.size === 20 && [...watched.jobs.values()].every(({ prompt }) => prompt === 'changed')
      })
    })

    test('ends without an error when the signal aborts, before and after its start', async ({ stores }) => {
      const watched = await Watched.synced(stores)
      await watched.end()
      const changes = []
      for await (const change of stores.scheduledJobs.watch({ signal: AbortSignal.abort() })) changes.push(change)
      expect(changes).toEqual([])
    })

    test('ends when the consumer returns; the next watch begins anew', async ({ stores }) => {
      await stores.scheduledJobs.save(job('j'))
      const types = []
      for await (const change of stores.scheduledJobs.watch({ signal: new AbortController().signal })) {
        types.push(change.type)
        if (change.type === 'synced') break
      }
      await using again = await Watched.synced(stores)
      expect(again.changes.map(({ type }) => type)).toEqual(types)
    })
  })
}

/** For backends that are told of changes. */
export function hintTests(test: StorageTest): void {
  test('the hint alone is enough', async ({ backend, open }) => {
    const watching = await backend.open(HINTS)
    await using watched = await Watched.synced(watching)
    const other = await open()
    await other.scheduledJobs.save(job('j', { prompt: 'one' }))
    await watched.untilPrompt('j', 'one')
    await other.scheduledJobs.save(job('j', { prompt: 'two' }))
    await watched.untilPrompt('j', 'two')
    await other.scheduledJobs.delete('j')
    await watched.untilPrompt('j', undefined)
  })
}
