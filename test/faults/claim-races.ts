import { describe, expect, it } from 'vitest'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { dueJob } from '../storage/conformance/run-samples.ts'
import { makeBackend } from '../support/backends.ts'
import { StorageProcess } from '../support/storage-process.ts'
import { DURABLE } from './durable.ts'

const JOBS = 20

/** Five processes that race for every fire of twenty jobs. */
export function describeClaimRaces(fires: number): void {
  describe(`five processes that race for ${fires} fires`, () => {
    it.each(DURABLE)(
      'claim each of them once on %s',
      async (type) => {
        await using backend = await makeBackend(type)
        const stores = await backend.open()
        const jobs: { stored: StoredJob; cursor: Date }[] = []
        for (let n = 0; n < JOBS; n++) {
          const { stored, fire } = await dueJob(stores, `j${n}`, { overlap: 'allow' })
          jobs.push({ stored, cursor: fire(0) })
        }
        await using stack = new AsyncDisposableStack()
        const opening = Array.from({ length: 5 }, () => StorageProcess.open(backend.options()))
        const racers = (await Promise.all(opening)).map((racer) => stack.use(racer))
        const each = fires / JOBS
        const got = (await Promise.all(racers.map((racer) => racer.call('claimAll', jobs, each)))) as string[][]
        const all = jobs.flatMap(({ stored }) => Array.from({ length: each }, (_, n) => `${stored.id} ${n + 1}`))
        expect(got.flat().sort()).toEqual(all.sort())
        const runs = await stores.jobRuns.list({ limit: 0 })
        expect(runs).toHaveLength(fires)
        expect(runs.every(({ state }) => state === 'succeeded')).toBe(true)
      },
      300_000,
    )
  })
}
