import { describe, expect } from 'vitest'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { StorageOptions } from '#storage/options.ts'
import { StorageProcess } from '../../support/storage-process.ts'
import { waitFor } from '../../support/wait-for.ts'
import { dueJob } from './run-samples.ts'
import { details, entries, job, request } from './samples.ts'
import type { StorageTest } from './storage-test.ts'
import { Watched } from './watched.ts'

async function processes(options: StorageOptions, count: number): Promise<StorageProcess[]> {
  return await Promise.all(Array.from({ length: count }, () => StorageProcess.open(options)))
}

/** A process with open stores, an ended watch and nothing else to do must end by itself. */
export function exitTests(test: StorageTest): void {
  test('a process that aborted its watch and closed its stores ends by itself', async ({ backend }) => {
    await using other = await StorageProcess.open(backend.options())
    expect(await other.call('watch')).toEqual(['synced'])
    expect(await other.child.endInput()).toBe(0)
    expect(other.child.stderr).toBe('')
  })
}

export function processTests(test: StorageTest): void {
  describe('several processes', () => {
    test('what another process saves and deletes is seen by the watch', async ({ backend, stores }) => {
      await using watched = await Watched.synced(stores)
      await using other = await StorageProcess.open(backend.options())
      const saved = await other.call('save', job('j', { prompt: 'from elsewhere' }))
      await watched.untilPrompt('j', 'from elsewhere')
      expect(watched.jobs.get('j')).toEqual(saved)
      await other.call('delete', 'j')
      await watched.untilPrompt('j', undefined)
    })

    test('with every hint dead the watch sees it too', async ({ backend }) => {
      const stores = await backend.open({ watch: { hints: false, pollMs: 50 } })
      await using watched = await Watched.synced(stores)
      await using other = await StorageProcess.open(backend.options())
      await other.call('save', job('j', { prompt: 'from elsewhere' }))
      await watched.untilPrompt('j', 'from elsewhere')
    })

    test('three processes race for 200 fires: each is claimed, none twice', async ({ backend, stores }) => {
      const jobs: { stored: StoredJob; cursor: Date }[] = []
      for (let n = 0; n < 10; n++) {
        const { stored, fire } = await dueJob(stores, `j${n}`, { overlap: 'allow' })
        jobs.push({ stored, cursor: fire(0) })
      }
      await using stack = new AsyncDisposableStack()
      const racers = (await processes(backend.options(), 3)).map((racer) => stack.use(racer))
      const got = (await Promise.all(racers.map((racer) => racer.call('claimAll', jobs, 20)))) as string[][]
      const all = jobs.flatMap(({ stored }) => Array.from({ length: 20 }, (_, n) => `${stored.id} ${n + 1}`))
      expect(got.flat().sort()).toEqual(all.sort())
      const runs = await stores.jobRuns.list({ limit: 0 })
      expect(runs).toHaveLength(200)
      expect(runs.every(({ state }) => state === 'succeeded')).toBe(true)
    })

    test('after a kill -9 everything that was confirmed is there, and work goes on', async ({ backend, stores }) => {
      await using writer = await StorageProcess.open(backend.options())
      writer.begin('appendForever', 'c')
      await waitFor('25 confirmed appends', () => writer.confirmed() >= 25)
      await writer.child.kill()
      const confirmed = writer.confirmed()
      const loaded = await stores.conversations.load('c')
      const length = loaded.entries.length
      expect([confirmed, confirmed + 1]).toContain(length)
      expect(loaded.entries).toEqual(entries(length))
      const history = await stores.shellHistory.load(0)
      expect(history.slice(0, confirmed)).toEqual(Array.from({ length: confirmed }, (_, n) => `command ${n}`))
      await stores.conversations.append('c', {
        expectedLength: length,
        entries: entries(1, length),
        metadata: details(),
      })
      expect((await stores.conversations.load('c')).entries).toEqual(entries(length + 1))
      await stores.shellHistory.append('after')
      expect((await stores.shellHistory.load(1))[0]).toBe('after')
    })

    test('a kill -9 amid saves, claims and deletes leaves a store that works', async ({ backend, stores, open }) => {
      const jobs = [job('a'), job('b')]
      for (let round = 0; round < 3; round++) {
        await using writer = await StorageProcess.open(backend.options())
        writer.begin('changeForever', jobs)
        await waitFor('3 confirmed rounds', () => writer.confirmed() >= 3)
        await writer.child.kill()
      }
      const other = await open()
      expect((await other.scheduledJobs.list()).unreadable).toEqual([])
      for (const { id } of jobs) {
        const saved = await stores.scheduledJobs.save(job(id, { prompt: 'after', overlap: 'allow' }))
        const now = await stores.jobRuns.now()
        const claim = await stores.jobRuns.claim(request(saved, new Date(now.getTime() + 900)))
        expect(claim.claimed).toBe(true)
      }
      for (const run of await other.jobRuns.list({ limit: 0, only: 'open' })) {
        await other.jobRuns.finish(run.id, run.fence, { state: 'failed' })
      }
      expect(await stores.jobRuns.list({ limit: 0, only: 'open' })).toEqual([])
    })

    test('four processes open an empty store at once', async ({ backend }) => {
      await using stack = new AsyncDisposableStack()
      const opened = (await processes(backend.options(), 4)).map((one) => stack.use(one))
      await Promise.all(opened.map((one, n) => one.call('save', job(`j${n}`))))
      const stores = await backend.open()
      expect((await stores.scheduledJobs.list()).jobs).toHaveLength(4)
    })
  })
}
