import { describe, expect } from 'vitest'
import { StorageError } from '#storage/contract/errors.ts'
import { ABSENT } from '#storage/contract/session-groups.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { dueJob } from './run-samples.ts'
import { at, details, entry, job, request } from './samples.ts'
import type { StorageTest } from './storage-test.ts'

/** Does something `count` times at once, over two connections in turn. Returns who succeeded; others must conflict. */
async function race<T>(
  connections: readonly Stores[],
  count: number,
  act: (stores: Stores, index: number) => Promise<T>,
): Promise<{ index: number; value: T }[]> {
  const attempts = Array.from({ length: count }, (_, index) => {
    const stores = connections[index % connections.length]
    if (!stores) throw new Error('no connection')
    return act(stores, index)
  })
  const results = await Promise.allSettled(attempts)
  return results.flatMap((result, index) => {
    if (result.status === 'fulfilled') return [{ index, value: result.value }]
    if (result.reason instanceof StorageError && result.reason.code === 'E_CONFLICT') return []
    throw result.reason
  })
}

export function concurrencyTests(test: StorageTest): void {
  describe('concurrency', () => {
    test('of 8 appends that expect the same length exactly one wins', async ({ stores, open }) => {
      const connections = [stores, await open()]
      await stores.conversations.append('c', { expectedLength: 0, entries: [entry('first')], metadata: details() })
      const winners = await race(connections, 8, ({ conversations }, index) =>
        conversations.append('c', { expectedLength: 1, entries: [entry(`by ${index}`)], metadata: details() }),
      )
      expect(winners).toHaveLength(1)
      const loaded = await (await open()).conversations.load('c')
      expect(loaded).toMatchObject({ entries: [entry('first'), entry(`by ${winners[0]?.index}`)], damage: [] })
    })

    test('of 8 creations, and of 8 replacements, exactly one wins', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const created = await race(connections, 8, ({ conversations }, index) =>
        conversations.append('c', {
          expectedLength: 0,
          entries: [entry(`by ${index}`), entry('x')],
          metadata: details(),
        }),
      )
      expect(created).toHaveLength(1)
      const replaced = await race(connections, 8, ({ conversations }, index) =>
        conversations.replace('c', { expectedLength: 2, entries: [entry(`now ${index}`)], metadata: details() }),
      )
      expect(replaced).toHaveLength(1)
      expect((await stores.conversations.load('c')).entries).toEqual([entry(`now ${replaced[0]?.index}`)])
    })

    test('an append is atomic: a reader sees all of its entries or none', async ({ stores, open }) => {
      const other = await open()
      const batch = Array.from({ length: 25 }, (_, index) => entry(`${index} ${'x'.repeat(2_000)}`))
      await stores.conversations.append('c', { expectedLength: 0, entries: batch, metadata: details() })
      let writing = true
      const writer = (async () => {
        for (let n = 1; n < 6; n++) {
          await stores.conversations.append('c', { expectedLength: n * 25, entries: batch, metadata: details() })
        }
        writing = false
      })()
      while (writing) {
        const { entries, metadata, damage } = await other.conversations.load('c')
        expect(entries.length % 25).toBe(0)
        expect(metadata.messageCount).toBe(entries.length)
        expect(damage).toEqual([])
      }
      await writer
      expect((await other.conversations.load('c')).entries).toHaveLength(150)
    })

    test('appends to different conversations do not disturb each other', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const done = await race(connections, 12, ({ conversations }, index) =>
        conversations.append(`c${index}`, { expectedLength: 0, entries: [entry(`${index}`)], metadata: details() }),
      )
      expect(done).toHaveLength(12)
      expect((await stores.conversations.list({ limit: 0, offset: 0 })).conversations).toHaveLength(12)
    })

    test('of 20 claims of one fire exactly one gets it', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const due = await dueJob(stores, 'j', { overlap: 'allow' })
      const results = await race(connections, 20, ({ jobRuns }) => jobRuns.claim(request(due.stored, due.fire(1))))
      const outcomes = results.map(({ value }) => (value.claimed ? 'claimed' : value.refusal))
      expect(outcomes.filter((outcome) => outcome === 'claimed')).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome === 'past')).toHaveLength(19)
      expect(await stores.jobRuns.list({ limit: 0 })).toHaveLength(1)
    })

    test('of 20 claims of a run_once job exactly one gets it', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const due = await dueJob(stores, 'j', { overlap: 'allow', runOnce: true })
      const results = await race(connections, 20, ({ jobRuns }, index) =>
        jobRuns.claim(request(due.stored, due.fire(1 + index))),
      )
      expect(results.filter(({ value }) => value.claimed)).toHaveLength(1)
      expect(await stores.jobRuns.list({ limit: 0 })).toHaveLength(1)
      expect((await stores.scheduledJobs.list()).jobs).toEqual([])
    })

    test('10 claims of different fires of one job: one holds the slot, the rest is skipped', async ({
      stores,
      open,
    }) => {
      const connections = [stores, await open()]
      const due = await dueJob(stores, 'j')
      const results = await race(connections, 10, ({ jobRuns }, index) =>
        jobRuns.claim(request(due.stored, due.fire(index + 1))),
      )
      expect(results.filter(({ value }) => value.claimed)).toHaveLength(1)
      expect(await stores.jobRuns.list({ limit: 0, only: 'open' })).toHaveLength(1)
      const skipped = results.filter(({ value }) => !value.claimed && value.refusal === 'skipped').length
      const recorded = (await stores.jobRuns.list({ limit: 0 })).filter(({ state }) => state === 'skipped')
      expect(recorded.reduce((sum, { count }) => sum + count, 0)).toBe(skipped)
    })

    test('of 10 reapers exactly one takes a claimed run over', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      const winners = await race(connections, 10, ({ jobRuns }, index) =>
        jobRuns.reap(id, { fence: 1, reason: 'dead' }, { owner: `d${index}`, host: 'h', token: `t${index}` }),
      )
      expect(winners).toHaveLength(1)
      expect(await stores.jobRuns.get(id)).toEqual(winners[0]?.value)
    })

    test('of 10 starts by different agents exactly one begins', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const { id } = await (await dueJob(stores, 'j')).claim(1)
      const winners = await race(connections, 10, ({ jobRuns }, pid) => jobRuns.start(id, 1, { pid, host: 'h' }))
      expect(winners).toHaveLength(1)
      expect((await stores.jobRuns.get(id)).pid).toBe(winners[0]?.index)
    })

    test('10 parallel saves of a plan are 10 plans', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const saved = await race(connections, 10, ({ plans }, index) =>
        plans.save({ title: 'Same', body: `body ${index}`, createdAt: at(0) }),
      )
      const ids = saved.map(({ value }) => value.id)
      const [base = ''] = ids.toSorted()
      const expected = [base, ...Array.from({ length: 9 }, (_, n) => `${base}-${n + 1}`)]
      expect(ids.toSorted()).toEqual(expected.toSorted())
      for (const { index, value } of saved) expect((await stores.plans.load(value.id)).body).toBe(`body ${index}`)
    })

    test('of 10 saves of a job with the same expectation exactly one wins', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const created = await race(connections, 10, ({ scheduledJobs }, index) =>
        scheduledJobs.save(job('j', { prompt: `by ${index}` }), { expected: ABSENT }),
      )
      expect(created).toHaveLength(1)
      const expected = created[0]?.value.revision ?? ''
      const updated = await race(connections, 10, ({ scheduledJobs }, index) =>
        scheduledJobs.save(job('j', { prompt: `then ${index}` }), { expected }),
      )
      expect(updated).toHaveLength(1)
      expect(await stores.scheduledJobs.load('j')).toEqual(updated[0]?.value)
    })

    test('of 10 puts of a group with the same expectation exactly one wins; others are not lost', async ({
      stores,
      open,
    }) => {
      const connections = [stores, await open()]
      const group = { currentSessionId: 's', history: [], updatedAt: at(0) }
      const won = await race(connections, 10, ({ sessionGroups }, index) =>
        sessionGroups.put('k', { ...group, currentSessionId: `s${index}` }, { expected: ABSENT }),
      )
      expect(won).toHaveLength(1)
      await race(connections, 10, ({ sessionGroups }, index) => sessionGroups.put(`k${index}`, group))
      expect((await stores.sessionGroups.list()).size).toBe(11)
    })

    test('20 parallel appends to the history are 20 commands', async ({ stores, open }) => {
      const connections = [stores, await open()]
      await race(connections, 20, ({ shellHistory }, index) => shellHistory.append(`command ${index}\nline`))
      const expected = Array.from({ length: 20 }, (_, index) => `command ${index}\nline`)
      expect((await stores.shellHistory.load(0)).sort()).toEqual(expected.sort())
    })

    test('of 10 takers of a lease, a message and an approval each has one', async ({ stores, open }) => {
      const connections = [stores, await open()]
      const leases = await race(connections, 10, ({ coordination }, index) =>
        coordination.acquireLease('l', `d${index}`),
      )
      expect(leases.filter(({ value }) => value !== undefined)).toHaveLength(1)
      await stores.coordination.acceptMessages('c', undefined, 1, [{ id: 'm', sender: 's', body: null }])
      const taken = await race(connections, 10, ({ coordination }) => coordination.takeMessage('c', 'm', 1))
      expect(taken).toHaveLength(1)
      const approval = {
        id: 'a',
        channel: 'c',
        runId: 'r',
        toolCallId: 't',
        approver: 'x',
        body: null,
        expiresAt: at(0),
      }
      await stores.coordination.saveApproval(approval)
      const resolved = await race(connections, 10, ({ coordination }) => coordination.resolveApproval('c', 'a'))
      expect(resolved.filter(({ value }) => value)).toHaveLength(1)
    })
  })
}
