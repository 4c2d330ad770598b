import { describe, expect } from 'vitest'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { ABSENT } from '#storage/contract/session-groups.ts'
import { jobRevision } from '#storage/rules/revision.ts'
import { at, job, request } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

const FULL: ScheduledJob = {
  id: 'full',
  name: 'Täglicher Bericht',
  description: 'line one\nline two: "quoted" # no comment',
  cronExpression: 'CRON_TZ=Europe/Berlin 0 9 * * 1-5',
  timezone: 'America/New_York',
  prompt: '- a\n- b\n\n  indented\n\ttab\n',
  channel: 'telegram',
  recipientId: '0042',
  model: 'openai/gpt-5',
  runOnce: true,
  enabled: false,
  catchUp: 'none',
  overlap: 'allow',
  createdAt: new Date('2026-02-03T04:05:06.007Z'),
  updatedAt: new Date('2026-03-04T05:06:07.089Z'),
}

export function jobTests(test: StorageTest): void {
  describe('jobs', () => {
    test('a saved job comes back whole, with the revision of its definition', async ({ stores, open }) => {
      const saved = await stores.scheduledJobs.save(FULL)
      expect(saved).toEqual({ ...FULL, revision: jobRevision(FULL) })
      const other = await open()
      expect(await other.scheduledJobs.load('full')).toEqual(saved)
      expect(await other.scheduledJobs.list()).toEqual({ jobs: [saved], unreadable: [] })
    })

    test('a plain job has the revision that it has on every backend', async ({ stores: { scheduledJobs } }) => {
      const { revision } = await scheduledJobs.save(job('plain'))
      expect(revision).toBe('b245afc746e6b17ceb753ce54730307d')
      expect(await scheduledJobs.load('plain')).toEqual({ ...job('plain'), revision })
    })

    test('empty text is no text', async ({ stores: { scheduledJobs } }) => {
      const saved = await scheduledJobs.save(job('j', { name: '', description: '', model: '', timezone: '' }))
      expect(saved).toEqual({ ...job('j'), revision: saved.revision })
      expect(await scheduledJobs.load('j')).toEqual(saved)
      await scheduledJobs.save(job('j', { prompt: 'other' }), { expected: saved.revision })
    })

    test('a job without times is anchored at the epoch', async ({ stores: { scheduledJobs } }) => {
      const saved = await scheduledJobs.save(job('j', { createdAt: new Date(0), updatedAt: new Date(0) }))
      expect(await scheduledJobs.load('j')).toEqual(saved)
    })

    test('the list is by createdAt, ties by id ascending', async ({ stores: { scheduledJobs } }) => {
      for (const [id, second] of [
        ['d', 5],
        ['b', 2],
        ['c', 2],
        ['B', 2],
        ['a', 9],
        ['x', 2.001],
      ] as const) {
        await scheduledJobs.save(job(id, { createdAt: at(second) }))
      }
      const { jobs, unreadable } = await scheduledJobs.list()
      expect(jobs.map(({ id }) => id)).toEqual(['B', 'b', 'c', 'x', 'd', 'a'])
      expect(unreadable).toEqual([])
    })

    test('save without an expectation creates and updates', async ({ stores: { scheduledJobs } }) => {
      await scheduledJobs.save(job('j'))
      await scheduledJobs.save(job('j', { prompt: 'two' }))
      expect((await scheduledJobs.load('j')).prompt).toBe('two')
      expect((await scheduledJobs.list()).jobs).toHaveLength(1)
    })

    test('absent creates once', async ({ stores: { scheduledJobs } }) => {
      await scheduledJobs.save(job('j'), { expected: ABSENT })
      await expectCode(scheduledJobs.save(job('j', { prompt: 'two' }), { expected: ABSENT }), 'E_CONFLICT')
      expect((await scheduledJobs.load('j')).prompt).toBe('Say hello')
    })

    test('an update with the stored revision succeeds, with another one it is a conflict', async ({ stores }) => {
      const { scheduledJobs } = stores
      const first = await scheduledJobs.save(job('j'))
      const second = await scheduledJobs.save(job('j', { prompt: 'two' }), { expected: first.revision })
      expect(second.revision).not.toBe(first.revision)
      const stale = scheduledJobs.save(job('j', { prompt: 'three' }), { expected: first.revision })
      await expectCode(stale, 'E_CONFLICT')
      expect(await scheduledJobs.load('j')).toEqual(second)
    })

    test('an update with an expected revision never re-creates a deleted job', async ({
      stores: { scheduledJobs },
    }) => {
      const { revision } = await scheduledJobs.save(job('j'))
      await scheduledJobs.delete('j')
      await expectCode(scheduledJobs.save(job('j', { prompt: 'two' }), { expected: revision }), 'E_NOT_FOUND')
      await expectCode(scheduledJobs.save(job('j'), { expected: revision }), 'E_NOT_FOUND')
      await expectCode(scheduledJobs.load('j'), 'E_NOT_FOUND')
    })

    test('saving exactly what is stored is a success whatever was expected', async ({ stores: { scheduledJobs } }) => {
      const saved = await scheduledJobs.save(job('j'))
      for (const expected of [ABSENT, 'another', saved.revision, undefined]) {
        expect(await scheduledJobs.save(job('j'), expected === undefined ? {} : { expected })).toEqual(saved)
      }
    })

    test('lastRun and lastError of a caller are no part of it', async ({ stores: { scheduledJobs } }) => {
      const carried = { ...job('j'), lastRun: at(1), lastError: 'stale', revision: 'x' }
      const saved = await scheduledJobs.save(carried)
      expect(saved).toEqual({ ...job('j'), revision: jobRevision(job('j')) })
      expect(await scheduledJobs.load('j')).toEqual(saved)
    })

    test('a deleted job is gone, its runs stay', async ({ stores: { scheduledJobs, jobRuns }, open }) => {
      const saved = await scheduledJobs.save(job('j'))
      const claim = await jobRuns.claim(request(saved, new Date((await jobRuns.now()).getTime() + 500)))
      if (!claim.claimed) throw new Error(claim.refusal)
      await scheduledJobs.delete('j')
      await expectCode(scheduledJobs.delete('j'), 'E_NOT_FOUND')
      const other = await open()
      await expectCode(other.scheduledJobs.load('j'), 'E_NOT_FOUND')
      expect(await other.scheduledJobs.list()).toEqual({ jobs: [], unreadable: [] })
      expect(await other.jobRuns.get(claim.run.id)).toEqual(claim.run)
    })

    test('an unknown job is not found', async ({ stores: { scheduledJobs } }) => {
      await expectCode(scheduledJobs.load('none'), 'E_NOT_FOUND')
      await expectCode(scheduledJobs.delete('none'), 'E_NOT_FOUND')
      expect(await scheduledJobs.list()).toEqual({ jobs: [], unreadable: [] })
    })
  })

  describe('the cursor of a job', () => {
    test('is the store’s now when the job is new', async ({ stores: { scheduledJobs, jobRuns } }) => {
      const before = await jobRuns.now()
      await scheduledJobs.save(job('j', { createdAt: at(-1e6) }))
      const state = await jobRuns.state('j')
      expect(state?.cursor.getTime()).toBeGreaterThanOrEqual(before.getTime())
      expect(state?.cursor.getTime()).toBeLessThanOrEqual((await jobRuns.now()).getTime())
      expect(state).toMatchObject({ runs: [], failures: 0 })
    })

    test.for<[string, Partial<ScheduledJob>]>([
      ['expression', { cronExpression: '0 * * * *' }],
      ['zone', { timezone: 'Asia/Tokyo' }],
      ['enabled', { enabled: false }],
      ['createdAt', { createdAt: at(1) }],
    ])('starts anew when the %s changes', async ([, changes], { stores: { scheduledJobs, jobRuns } }) => {
      const saved = await scheduledJobs.save(job('j'))
      await jobRuns.claim(request(saved, new Date((await jobRuns.now()).getTime() + 900), { recordOnly: true }))
      const before = await jobRuns.state('j')
      const changed = await scheduledJobs.save(job('j', changes))
      const after = await jobRuns.state('j')
      expect(after?.scheduleHash).not.toBe(before?.scheduleHash)
      expect(after?.cursor).not.toEqual(before?.cursor)
      await scheduledJobs.save(job('j'), { expected: changed.revision })
      expect((await jobRuns.state('j'))?.scheduleHash).toBe(before?.scheduleHash)
    })

    test('stays when anything else changes', async ({ stores: { scheduledJobs, jobRuns } }) => {
      await scheduledJobs.save(job('j'))
      const before = await jobRuns.state('j')
      const changes = {
        name: 'n',
        prompt: 'p',
        model: 'm',
        overlap: 'allow',
        catchUp: 'none',
        updatedAt: at(5),
      } as const
      await scheduledJobs.save(job('j', changes))
      expect(await jobRuns.state('j')).toEqual(before)
    })

    test('is fresh for a job that was deleted and created again', async ({ stores: { scheduledJobs, jobRuns } }) => {
      const saved = await scheduledJobs.save(job('j'))
      const fire = new Date((await jobRuns.now()).getTime() + 900)
      const claim = await jobRuns.claim(request(saved, fire))
      expect((await jobRuns.state('j'))?.cursor).toEqual(fire)
      await scheduledJobs.delete('j')
      await scheduledJobs.save(job('j'))
      const state = await jobRuns.state('j')
      expect(state?.cursor).not.toEqual(fire)
      expect(claim.claimed && state?.runs.map(({ id }) => id)).toEqual([claim.claimed && claim.run.id])
    })
  })
}
