import { expect } from 'vitest'
import type { Conversation } from '#storage/contract/conversations.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import { scheduleHash } from '#storage/rules/revision.ts'
import { at, details, entries, entry, job, request } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

const conversation = (id: string, texts: string[], updated = 0): Omit<Conversation, 'damage'> => ({
  metadata: { ...details({ updatedAt: at(updated), titleGenerated: true }), id, messageCount: texts.length },
  entries: texts.map(entry),
})

function run(jobId: string, id: string, changes: Partial<JobRun> = {}): JobRun {
  return {
    id,
    jobId,
    scheduledFor: at(1),
    trigger: 'schedule',
    state: 'succeeded',
    count: 1,
    fence: 3,
    lease: 2,
    output: `of ${id}`,
    delivery: { state: 'none', attempts: 0, parts: 0 },
    ...changes,
  }
}

/** What a copy between backends puts: records just as they are. */
export function restoreTests(test: StorageTest): void {
  test('createAll makes conversations as they are, and leaves those alone whose id is taken', async ({ stores }) => {
    const { conversations } = stores
    await conversations.append('b', { expectedLength: 0, entries: entries(1), metadata: details() })
    const given = [conversation('a', ['x', 'é\u{1f600}'], 5), conversation('b', ['other']), conversation('c', [], 9)]
    expect([...(await conversations.createAll(given))].sort()).toEqual(['a', 'c'])
    expect(await conversations.load('a')).toEqual({ ...given[0], damage: [] })
    expect((await conversations.load('b')).entries).toEqual(entries(1))
    const { conversations: listed } = await conversations.list({ limit: 0, offset: 0 })
    expect(listed.map(({ id }) => id)).toEqual(['c', 'a', 'b'])
    expect((await conversations.listNeedingTitles(0)).map(({ id }) => id)).toEqual(['b'])
    expect(await conversations.createAll(given)).toEqual(new Set())
    expect(await conversations.createAll([])).toEqual(new Set())
    await conversations.append('a', { expectedLength: 2, entries: [entry('next')], metadata: details() })
    expect((await conversations.load('a')).entries).toHaveLength(3)
  })

  test('createAll refuses all when one cannot be kept', async ({ stores }) => {
    const bad = conversation('bad', ['\0'])
    await expectCode(stores.conversations.createAll([conversation('good', ['x']), bad]), 'E_INVALID')
    await expectCode(stores.conversations.load('good'), 'E_NOT_FOUND')
  })

  test('of two that create the same conversations each is made once, and whole', async ({ open }) => {
    const [a, b] = [await open(), await open()]
    const given = (text: string) => Array.from({ length: 30 }, (_, n) => conversation(`c${n}`, [text, text, text]))
    const [left, right] = await Promise.all([
      a.conversations.createAll(given('left')),
      b.conversations.createAll(given('right').reverse()),
    ])
    expect(left.size + right.size).toBe(30)
    for (const id of [...left]) expect((await b.conversations.load(id)).entries[0]).toEqual(entry('left'))
    for (const id of [...right]) expect((await a.conversations.load(id)).entries).toHaveLength(3)
  })

  test('a plan is restored under its own id and time, once', async ({ stores }) => {
    const plan = { id: 'by-hand', title: 'A title', slug: 'by-hand', createdAt: at(7), body: '\nbody\n' }
    expect(await stores.plans.restore(plan)).toBe(true)
    expect(await stores.plans.restore({ ...plan, body: 'another' })).toBe(false)
    expect(await stores.plans.load('by-hand')).toEqual(plan)
    await expectCode(stores.plans.restore({ ...plan, id: '../x' }), 'E_INVALID')
  })

  test('appendAll adds commands in order, next to each other', async ({ stores }) => {
    await stores.shellHistory.append('first')
    await stores.shellHistory.appendAll(['a', 'two\nlines', 'a'])
    await stores.shellHistory.appendAll([])
    expect(await stores.shellHistory.load(0)).toEqual(['first', 'a', 'two\nlines', 'a'])
    await expectCode(stores.shellHistory.appendAll(['ok', 'no\0']), 'E_INVALID')
    expect(await stores.shellHistory.load(0)).toHaveLength(4)
  })

  test('a state and runs are restored as they are, and a definition keeps that state', async ({ stores, open }) => {
    const definition = job('j', { timezone: 'UTC' })
    const open1 = run('j', 'open', { state: 'running', fence: 7, snapshot: definition, scheduledFor: at(5) })
    const state: JobState = {
      scheduleHash: scheduleHash(definition),
      cursor: at(5.25),
      runs: [open1],
      lastRun: at(2),
      lastError: 'why',
      failures: 2,
    }
    const settled = [run('j', 'r1'), run('j', 'r2', { scheduledFor: at(2), state: 'lost' })]
    await stores.jobRuns.restore('j', { runs: settled })
    await stores.jobRuns.restore('j', { state, runs: [] })
    expect(await stores.scheduledJobs.restore(definition)).toBe(true)
    const other = await open()
    expect(await other.jobRuns.state('j')).toEqual(state)
    expect(await other.jobRuns.list({ jobId: 'j', limit: 0 })).toEqual([open1, settled[1], settled[0]])
    expect(await other.scheduledJobs.load('j')).toMatchObject({ lastRun: at(2), lastError: 'why' })
    expect((await other.jobRuns.list({ limit: 0, only: 'open' })).map(({ id }) => id)).toEqual(['open'])
    const stored = await other.scheduledJobs.load('j')
    expect(await other.jobRuns.claim(request(stored, at(5.25)))).toEqual({ claimed: false, refusal: 'past' })
    await other.jobRuns.finish('open', 7, { state: 'succeeded' })
    await expectCode(other.jobRuns.finish('open', 6, { state: 'failed' }), 'E_CONFLICT')
  })

  test('restoring the same again is a success, restoring another one a conflict', async ({ stores }) => {
    const state: JobState = { scheduleHash: 'a1', cursor: at(1), runs: [], failures: 0 }
    const given = { state, runs: [run('j', 'r')] }
    await stores.jobRuns.restore('j', given)
    await stores.jobRuns.restore('j', given)
    expect(await stores.jobRuns.list({ limit: 0 })).toEqual(given.runs)
    await expectCode(stores.jobRuns.restore('j', { state: { ...state, cursor: at(2) }, runs: [] }), 'E_CONFLICT')
    await expectCode(stores.jobRuns.restore('j', { runs: [run('j', 'r', { output: 'other' })] }), 'E_CONFLICT')
    await expectCode(stores.jobRuns.restore('j', { runs: [run('k', 'r')] }), 'E_INVALID')
    expect(await stores.jobRuns.state('j')).toEqual(state)
    const saved = await stores.scheduledJobs.save(job('taken'))
    expect(await stores.scheduledJobs.restore(job('taken', { prompt: 'another' }))).toBe(false)
    expect(await stores.scheduledJobs.load('taken')).toEqual(saved)
  })

  test('jobIds names every job with a state or a run', async ({ stores }) => {
    await stores.scheduledJobs.save(job('b'))
    await stores.jobRuns.restore('gone', { runs: [run('gone', 'r')] })
    expect(await stores.jobRuns.jobIds()).toEqual(['b', 'gone'])
  })

  test('records of coordination carry inboxes, approvals and fences, and no holder', async ({ stores, open }) => {
    const { coordination } = stores
    const lease = await coordination.acquireLease('channel:t', 'owner')
    await coordination.acceptMessages('t', undefined, 4, [{ id: 'm', sender: 's', body: 1 }])
    const records = await coordination.records()
    expect([...records.keys()]).toEqual(['inbox/t', 'lease/channel:t'])
    expect(records.get('lease/channel:t')).toEqual({ owner: '', fence: lease?.fence, beat: 0 })
    expect(await coordination.restore('inbox/t', {})).toBe(false)
    expect(await coordination.restore('inbox/u', records.get('inbox/t') ?? {})).toBe(true)
    expect(await (await open()).coordination.inboxOffset('u')).toBe(4)
    await expectCode(coordination.restore('presence/x', {}), 'E_INVALID')
  })

  test('ledger rows are restored without records, and rows that are there stay', async ({ stores }) => {
    const { coordination } = stores
    await coordination.import('s', [{ kind: 'history', key: 'a', command: 'x' }])
    await coordination.restoreImports(
      's',
      new Map([
        ['a', 'already'],
        ['b', 'already'],
      ] as const),
    )
    await coordination.restoreImports('t', new Map([['k', 'import']] as const))
    expect(await coordination.importSources()).toEqual(['s', 't'])
    expect(await coordination.imported('s')).toEqual(
      new Map([
        ['a', 'import'],
        ['b', 'already'],
      ]),
    )
    await coordination.import('t', [{ kind: 'history', key: 'k', command: 'not again' }])
    expect(await stores.shellHistory.load(0)).toEqual(['x'])
  })

  test('a store that only this program wrote is not damaged', async ({ stores }) => {
    await stores.conversations.append('c', { expectedLength: 0, entries: entries(3), metadata: details() })
    await stores.scheduledJobs.save(job('j'))
    expect(await stores.examine()).toEqual([])
  })
}
