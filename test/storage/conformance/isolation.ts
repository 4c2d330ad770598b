import { describe, expect } from 'vitest'
import { dueJob } from './run-samples.ts'
import { at, details, entries, entry, job } from './samples.ts'
import type { StorageTest } from './storage-test.ts'

/** Overwrites everything that can be reached from a value. */
function wreck(value: unknown): void {
  if (value instanceof Date) value.setTime(0)
  else if (value instanceof Map) {
    for (const item of value.values()) wreck(item)
    value.clear()
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) wreck(item)
    for (const key of Object.keys(value)) (value as Record<string, unknown>)[key] = 'wrecked'
    if (Array.isArray(value)) value.push('wrecked')
  }
}

export function isolationTests(test: StorageTest): void {
  describe('what a caller does with an object changes nothing in the store', () => {
    test('conversations', async ({ stores: { conversations } }) => {
      const write = { expectedLength: 0, entries: entries(2), metadata: details({ tags: ['a'], extra: { x: [1] } }) }
      const before = structuredClone(write)
      await conversations.append('c', write)
      wreck(write)
      const expected = {
        metadata: { ...before.metadata, id: 'c', messageCount: 2 },
        entries: before.entries,
        damage: [],
      }
      const loaded = await conversations.load('c')
      expect(loaded).toEqual(expected)
      wreck(loaded)
      wreck(await conversations.list({ limit: 0, offset: 0 }))
      wreck(await conversations.listNeedingTitles(0))
      expect(await conversations.load('c')).toEqual(expected)
      const listed = await conversations.list({ limit: 0, offset: 0 })
      expect(listed).toEqual({ conversations: [expected.metadata], unreadable: [] })
    })

    test('an append that was wrecked before it resolved', async ({ stores: { conversations } }) => {
      const given = [entry('a')]
      const appended = conversations.append('c', { expectedLength: 0, entries: given, metadata: details() })
      wreck(given)
      await appended
      expect((await conversations.load('c')).entries).toEqual([entry('a')])
    })

    test('jobs, states and runs', async ({ stores }) => {
      const { scheduledJobs, jobRuns } = stores
      const given = job('g')
      const saved = await scheduledJobs.save(given)
      const copy = structuredClone(saved)
      wreck(given)
      expect(await scheduledJobs.load('g')).toEqual(copy)
      wreck(saved)
      wreck(await scheduledJobs.load('g'))
      wreck(await scheduledJobs.list())
      expect(await scheduledJobs.load('g')).toEqual(copy)
      const run = await (await dueJob(stores, 'j', { createdAt: at(5) })).claim(1)
      const runCopy = structuredClone(run)
      const state = structuredClone(await jobRuns.state('j'))
      wreck(run)
      wreck(await jobRuns.get(runCopy.id))
      wreck(await jobRuns.list({ limit: 0 }))
      wreck(await jobRuns.state('j'))
      wreck(await jobRuns.states())
      expect(await jobRuns.get(runCopy.id)).toEqual(runCopy)
      expect(await jobRuns.state('j')).toEqual(state)
    })

    test('plans, groups, history and coordination', async ({ stores }) => {
      const { plans, sessionGroups, shellHistory, coordination } = stores
      const plan = await plans.save({ title: 't', body: 'b' })
      const planCopy = structuredClone(plan)
      wreck(plan)
      wreck(await plans.load(planCopy.id))
      wreck(await plans.list())
      expect(await plans.load(planCopy.id)).toEqual(planCopy)
      const given = { currentSessionId: 's', history: ['a'], updatedAt: at(1) }
      const put = await sessionGroups.put('k', given)
      const putCopy = structuredClone(put)
      wreck(given)
      wreck(put)
      wreck(await sessionGroups.get('k'))
      wreck(await sessionGroups.list())
      expect(await sessionGroups.get('k')).toEqual(putCopy)
      await shellHistory.append('ls')
      wreck(await shellHistory.load(0))
      expect(await shellHistory.load(0)).toEqual(['ls'])
      const body = { deep: [1] }
      await coordination.acceptMessages('c', undefined, 1, [{ id: 'm', sender: 's', body }])
      wreck(body)
      wreck(await coordination.inbox('c'))
      expect((await coordination.inbox('c'))[0]?.body).toEqual({ deep: [1] })
      await coordination.import('source', [{ key: 'k', kind: 'history', command: 'x' }])
      wreck(await coordination.imported('source'))
      expect(await coordination.imported('source')).toEqual(new Map([['k', 'import']]))
    })
  })
}
