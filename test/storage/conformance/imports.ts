import { describe, expect } from 'vitest'
import type { ImportRecord } from '#storage/contract/coordination.ts'
import type { Plan } from '#storage/contract/plans.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { at, details, entries, job } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

const PLAN: Plan = {
  id: '2026-05-06-070809-imported',
  title: 'Imported',
  slug: 'imported',
  createdAt: new Date('2026-05-06T07:08:09Z'),
  body: 'body\n',
}
const METADATA = { ...details({ title: 'From elsewhere', extra: { kept: true } }), id: 'c1', messageCount: 2 }
const GROUP = { currentSessionId: 's2', history: ['s1'], updatedAt: at(3) }

const RECORDS: ImportRecord[] = [
  { key: 'job:j1', kind: 'job', job: job('j1'), lastRun: at(7), lastError: 'it failed' },
  { key: 'plan:1', kind: 'plan', plan: PLAN },
  { key: 'history:0', kind: 'history', command: 'ls' },
  { key: 'history:1', kind: 'history', command: 'ls' },
  { key: 'conversation:c1', kind: 'conversation', conversation: { metadata: METADATA, entries: entries(2) } },
  { key: 'group:g', kind: 'session_group', groupKey: 'g', group: GROUP },
]

async function everything(stores: Stores) {
  return {
    jobs: (await stores.scheduledJobs.list()).jobs,
    plans: (await stores.plans.list()).plans,
    history: await stores.shellHistory.load(0),
    conversations: (await stores.conversations.list({ limit: 0, offset: 0 })).conversations,
    groups: await stores.sessionGroups.list(),
  }
}

export function importTests(test: StorageTest): void {
  describe('imports', () => {
    test('every kind of record is taken in with its ledger row', async ({ stores, open }) => {
      expect(await stores.coordination.imported('source')).toEqual(new Map())
      const before = await stores.jobRuns.now()
      const outcome = await stores.coordination.import('source', RECORDS)
      const all = new Map(RECORDS.map(({ key }) => [key, 'import']))
      expect(outcome).toEqual(all)
      const other = await open()
      expect(await other.coordination.imported('source')).toEqual(all)
      expect(await other.coordination.imported('another')).toEqual(new Map())
      const job1 = await other.scheduledJobs.load('j1')
      expect(job1).toEqual({ ...job('j1'), revision: job1.revision, lastRun: at(7), lastError: 'it failed' })
      expect((await other.jobRuns.state('j1'))?.cursor.getTime()).toBeGreaterThanOrEqual(before.getTime())
      expect(await other.plans.load(PLAN.id)).toEqual(PLAN)
      expect(await other.shellHistory.load(0)).toEqual(['ls', 'ls'])
      expect(await other.conversations.load('c1')).toEqual({ metadata: METADATA, entries: entries(2), damage: [] })
      expect(await other.sessionGroups.get('g')).toMatchObject(GROUP)
    })

    test('a second call changes nothing, wherever it was interrupted', async ({ stores, open }) => {
      await stores.coordination.import('source', RECORDS.slice(0, 3))
      const outcome = await (await open()).coordination.import('source', RECORDS)
      expect([...outcome.values()]).toEqual(['already', 'already', 'already', 'import', 'import', 'import'])
      const once = await everything(stores)
      const again = await stores.coordination.import('source', RECORDS)
      expect([...again.values()]).toEqual(RECORDS.map(() => 'already'))
      expect(await everything(stores)).toEqual(once)
      expect(once.history).toEqual(['ls', 'ls'])
      expect(await stores.coordination.imported('source')).toEqual(new Map(RECORDS.map(({ key }) => [key, 'import'])))
    })

    test('what exists is left alone, and the ledger says so', async ({ stores }) => {
      await stores.scheduledJobs.save(job('j1', { prompt: 'ours' }))
      await stores.conversations.append('c1', { expectedLength: 0, entries: entries(1), metadata: details() })
      await stores.sessionGroups.put('g', { ...GROUP, currentSessionId: 'ours' })
      const state = await stores.jobRuns.state('j1')
      const outcome = await stores.coordination.import('source', RECORDS)
      expect(Object.fromEntries(outcome)).toEqual({
        'job:j1': 'already',
        'plan:1': 'import',
        'history:0': 'import',
        'history:1': 'import',
        'conversation:c1': 'already',
        'group:g': 'already',
      })
      expect(await stores.coordination.imported('source')).toEqual(outcome)
      expect(await stores.scheduledJobs.load('j1')).toMatchObject({ prompt: 'ours' })
      expect(await stores.jobRuns.state('j1')).toEqual(state)
      expect((await stores.conversations.load('c1')).entries).toEqual(entries(1))
      expect((await stores.sessionGroups.get('g'))?.currentSessionId).toBe('ours')
    })

    test('a record that was deleted since does not come back', async ({ stores }) => {
      await stores.coordination.import('source', RECORDS)
      await stores.scheduledJobs.delete('j1')
      await stores.plans.delete(PLAN.id)
      await stores.conversations.delete('c1')
      await stores.coordination.import('source', RECORDS)
      expect(await everything(stores)).toMatchObject({ jobs: [], plans: [], conversations: [] })
    })

    test('from another source only what does not exist, and history again', async ({ stores }) => {
      await stores.coordination.import('source', RECORDS)
      const outcome = await stores.coordination.import('another', RECORDS)
      expect([...outcome.values()]).toEqual(['already', 'already', 'import', 'import', 'already', 'already'])
      expect(await stores.shellHistory.load(0)).toEqual(['ls', 'ls', 'ls', 'ls'])
    })

    test('eight imports at once are one', async ({ stores, open }) => {
      const others = await Promise.all([open(), open(), open()])
      const outcomes = await Promise.all(
        [stores, ...others, stores, ...others].map(({ coordination }) => coordination.import('source', RECORDS)),
      )
      for (const { key } of RECORDS) {
        expect(
          outcomes.filter((outcome) => outcome.get(key) === 'import'),
          key,
        ).toHaveLength(1)
      }
      expect(await stores.shellHistory.load(0)).toEqual(['ls', 'ls'])
    })

    test('a conversation that was imported goes on', async ({ stores }) => {
      await stores.coordination.import('source', RECORDS)
      const write = { expectedLength: 2, entries: entries(1, 2), metadata: details() }
      await stores.conversations.append('c1', write)
      expect((await stores.conversations.load('c1')).entries).toEqual(entries(3))
    })

    test('a key alone is noted as dealt with', async ({ stores: { coordination } }) => {
      const seen: ImportRecord = { key: 'state:1', kind: 'seen' }
      expect(await coordination.import('source', [seen])).toEqual(new Map([['state:1', 'already']]))
      expect(await coordination.import('source', [seen, { key: 'h', kind: 'history', command: 'x' }])).toEqual(
        new Map([
          ['state:1', 'already'],
          ['h', 'import'],
        ]),
      )
      expect(await coordination.imported('source')).toEqual(
        new Map([
          ['state:1', 'already'],
          ['h', 'import'],
        ]),
      )
    })

    test('more than a batch at once, of every kind, in order, with ids that come twice', async ({ stores }) => {
      const records = Array.from({ length: 700 }, (_, n): ImportRecord[] => [
        { key: `job:${n}`, kind: 'job', job: job(`j${n % 600}`, { prompt: `${n}`, runOnce: n % 2 === 0 }) },
        { key: `plan:${n}`, kind: 'plan', plan: { ...PLAN, id: `p${n % 600}`, body: `${n}` } },
        { key: `history:${n}`, kind: 'history', command: `line ${n}\t"\\' {},NULL ключ` },
        {
          key: `group:${n}`,
          kind: 'session_group',
          groupKey: `g${n % 600}`,
          group: { ...GROUP, currentSessionId: `${n}` },
        },
      ]).flat()
      const outcomes = await stores.coordination.import('source', records)
      for (const { key, kind } of records) {
        const second = kind !== 'history' && Number(key.split(':')[1]) >= 600
        expect(outcomes.get(key), key).toBe(second ? 'already' : 'import')
      }
      expect(await stores.coordination.imported('source')).toEqual(outcomes)
      const all = await everything(stores)
      expect(all.jobs.map(({ id, prompt, runOnce }) => [id, prompt, runOnce]).sort()).toEqual(
        Array.from({ length: 600 }, (_, n) => [`j${n}`, `${n}`, n % 2 === 0]).sort(),
      )
      expect(all.plans.map(({ id, body }) => [id, body]).sort()).toEqual(
        Array.from({ length: 600 }, (_, n) => [`p${n}`, `${n}`]).sort(),
      )
      expect(all.history).toEqual(Array.from({ length: 700 }, (_, n) => `line ${n}\t"\\' {},NULL ключ`))
      expect([...all.groups].every(([key, group]) => key === `g${group.currentSessionId}`)).toBe(true)
      expect(all.groups.size).toBe(600)
    })

    test('a record that cannot be kept is refused', async ({ stores: { coordination } }) => {
      const refused: ImportRecord[] = [
        { key: '', kind: 'history', command: 'x' },
        { key: 'k', kind: 'history', command: 'x\0' },
        { key: 'k', kind: 'job', job: job('../x') },
        { key: 'k', kind: 'plan', plan: { ...PLAN, id: '../x' } },
        { key: 'k', kind: 'conversation', conversation: { metadata: { ...METADATA, id: 'a/b' }, entries: [] } },
        { key: 'k', kind: 'session_group', groupKey: '', group: GROUP },
      ]
      for (const record of refused) await expectCode(coordination.import('source', [record]), 'E_INVALID')
      await expectCode(coordination.import('', []), 'E_INVALID')
      expect(await coordination.imported('source')).toEqual(new Map())
    })
  })
}
