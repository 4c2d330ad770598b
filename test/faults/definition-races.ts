import { describe, expect, it } from 'vitest'
import type { ClaimResult, JobRun } from '#storage/contract/job-runs.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { dueJob } from '../storage/conformance/run-samples.ts'
import { job, request } from '../storage/conformance/samples.ts'
import { makeBackend } from '../support/backends.ts'
import { StorageProcess } from '../support/storage-process.ts'
import { DURABLE, type Durable } from './durable.ts'

const LIMIT_MS = 300_000

interface Race {
  readonly stores: Stores
  /** Two that claim, one that edits. */
  readonly one: StorageProcess
  readonly two: StorageProcess
  readonly editor: StorageProcess
}

async function race(type: Durable, act: (race: Race) => Promise<void>): Promise<void> {
  await using backend = await makeBackend(type)
  const stores = await backend.open()
  const open = () => StorageProcess.open(backend.options())
  await using one = await open()
  await using two = await open()
  await using editor = await open()
  await act({ stores, one, two, editor })
}

const version = (id: string, name: string): ScheduledJob =>
  job(id, { name, prompt: `${name} prompt `.repeat(500), description: name, model: name })

async function claim(claimant: StorageProcess, ...args: Parameters<typeof request>): Promise<ClaimResult> {
  return (await claimant.call('claim', request(...args))) as ClaimResult
}

const runsOf = (results: ClaimResult[]): JobRun[] => results.flatMap((one) => (one.claimed ? [one.run] : []))
const refusalsOf = (results: ClaimResult[]) => results.flatMap((one) => (one.claimed ? [] : [one.refusal]))

/** Definitions that change in one process at the moment at which two others claim their fires. */
export function describeDefinitionRaces(rounds: number): void {
  describe(`${rounds} times, at the moment at which two processes claim a fire,`, () => {
    it.each(DURABLE)(
      'its job is edited on %s: at most one run, of one definition as a whole',
      async (type) => {
        await race(type, async ({ stores, one, two, editor }) => {
          const seen = new Set<string>()
          for (let n = 0; n < rounds; n++) {
            const { stored, fire } = await dueJob(stores, `j${n}`, version(`j${n}`, 'old'))
            const edit = { ...stored, ...version(stored.id, 'new') }
            const claims = Promise.all([claim(one, stored, fire(1)), claim(two, stored, fire(1))])
            // One round in order, so that both outcomes are seen wherever the others end.
            if (n === 0) await claims
            const [results] = await Promise.all([claims, editor.call('save', edit)])
            const runs = runsOf(results)
            expect(runs.length).toBeLessThanOrEqual(1)
            for (const refusal of refusalsOf(results)) expect(['past', 'skipped', 'changed']).toContain(refusal)
            for (const { snapshot } of runs) expect(snapshot).toMatchObject(version(stored.id, 'old'))
            seen.add(runs.length === 1 ? 'claimed' : 'changed')
            // Whoever was refused reads it again: then exactly one gets it.
            const edited = await stores.scheduledJobs.load(stored.id)
            expect(edited).toMatchObject(version(stored.id, 'new'))
            const again = await Promise.all([claim(one, edited, fire(1)), claim(two, edited, fire(1))])
            expect(runs.length + runsOf(again).length).toBe(1)
            for (const { snapshot } of runsOf(again)) expect(snapshot).toMatchObject(version(stored.id, 'new'))
          }
          expect(seen.has('claimed')).toBe(true)
        })
      },
      LIMIT_MS,
    )

    it.each(DURABLE)(
      'its job is paused, on %s: once that is stored nothing fires',
      async (type) => {
        await race(type, async ({ stores, one, two, editor }) => {
          for (let n = 0; n < rounds; n++) {
            const { stored, fire } = await dueJob(stores, `j${n}`, { overlap: 'allow' })
            const claims = Promise.all([claim(one, stored, fire(1)), claim(two, stored, fire(1))])
            const [results, saved] = await Promise.all([claims, editor.call('save', { ...stored, enabled: false })])
            const paused = saved as StoredJob
            expect(runsOf(results).length).toBeLessThanOrEqual(1)
            const after = await Promise.all([claim(one, stored, fire(2)), claim(two, paused, fire(2))])
            expect(runsOf(after)).toEqual([])
            expect(await stores.jobRuns.list({ jobId: stored.id, limit: 0 })).toHaveLength(runsOf(results).length)
          }
        })
      },
      LIMIT_MS,
    )

    it.each(DURABLE)(
      'its job is deleted, on %s: nothing fires after that, and no old copy brings it back',
      async (type) => {
        await race(type, async ({ stores, one, two, editor }) => {
          for (let n = 0; n < rounds; n++) {
            const { stored, fire } = await dueJob(stores, `j${n}`, { overlap: 'allow' })
            const { revision } = stored
            const saving = two.call('save', { ...stored, prompt: 'from an old copy' }, { expected: revision })
            const outcomes = Promise.allSettled([saving, editor.call('delete', stored.id)])
            const [first] = await Promise.all([claim(one, stored, fire(1)), outcomes])
            if (!first.claimed) expect(['gone', 'changed']).toContain(first.refusal)
            const [, deleted] = await outcomes
            expect(deleted.status).toBe('fulfilled')
            await expect(stores.scheduledJobs.load(stored.id)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
            expect(await claim(one, stored, fire(2))).toEqual({ claimed: false, refusal: 'gone' })
            const late = two.call('save', stored, { expected: revision })
            await expect(late).rejects.toMatchObject({ code: expect.stringMatching(/^E_(NOT_FOUND|CONFLICT)$/) })
            expect(await stores.jobRuns.list({ jobId: stored.id, limit: 0 })).toHaveLength(first.claimed ? 1 : 0)
          }
          expect((await stores.scheduledJobs.list()).jobs).toEqual([])
        })
      },
      LIMIT_MS,
    )

    it.each(DURABLE)(
      'another one is caught up and a third is started by hand, on %s: one of them runs',
      async (type) => {
        await race(type, async ({ stores, one, two, editor }) => {
          const triggers = new Set<string>()
          for (let n = 0; n < rounds; n++) {
            const { stored, fire } = await dueJob(stores, `j${n}`)
            const claims = [
              () => claim(one, stored, fire(2)),
              () => claim(two, stored, fire(1), { trigger: 'catch-up' }),
              () => claim(editor, stored, fire(9), { trigger: 'manual' }),
            ]
            const order = claims.map((_, place) => claims[(place + n) % claims.length])
            const results = (await Promise.all(order.map((begin) => begin?.()))) as ClaimResult[]
            const [run, ...more] = runsOf(results)
            expect(more).toEqual([])
            expect(run?.state).toBe('claimed')
            for (const refusal of refusalsOf(results)) expect(['skipped', 'past']).toContain(refusal)
            triggers.add(run?.trigger ?? '')
            const open = await stores.jobRuns.list({ jobId: stored.id, limit: 0, only: 'open' })
            expect(open).toEqual([run])
          }
          expect(triggers.size).toBeGreaterThan(1)
        })
      },
      LIMIT_MS,
    )
  })
}
