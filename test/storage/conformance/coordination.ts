import { describe, expect } from 'vitest'
import type { DaemonPresence, PendingApproval } from '#storage/contract/coordination.ts'
import { at } from './samples.ts'
import { expectCode, type StorageTest } from './storage-test.ts'

function daemon(id: string, changes: Partial<DaemonPresence> = {}): DaemonPresence {
  return {
    id,
    host: 'host-1',
    pid: 42,
    version: '0.1.0',
    tzdata: '2026a',
    timezone: 'Europe/Berlin',
    since: at(0),
    scheduler: true,
    behind: false,
    clock: at(0.123),
    ...changes,
  }
}

function approval(id: string, channel: string, changes: Partial<PendingApproval> = {}): PendingApproval {
  return {
    id,
    channel,
    runId: 'run-1',
    toolCallId: 'call-1',
    approver: '42',
    body: { tool: 'Bash', arguments: ['ls', null] },
    expiresAt: at(0.5),
    ...changes,
  }
}

export function coordinationTests(test: StorageTest): void {
  describe('presence', () => {
    test('a beat shows the daemon with the store’s time, longest running first', async ({ stores, open }) => {
      const { coordination } = stores
      expect(await coordination.daemons()).toEqual([])
      await coordination.beat(daemon('young', { since: at(9), scheduler: false }))
      await coordination.beat(daemon('old'))
      await coordination.beat(daemon('old', { clock: at(5), behind: true }))
      const seen = await (await open()).coordination.daemons()
      expect(seen).toEqual([
        { ...daemon('old', { clock: at(5), behind: true }), lastBeat: expect.any(Date) },
        { ...daemon('young', { since: at(9), scheduler: false }), lastBeat: expect.any(Date) },
      ])
      const now = await stores.jobRuns.now()
      for (const { lastBeat } of seen) expect(Math.abs(now.getTime() - lastBeat.getTime())).toBeLessThan(60_000)
    })

    test('one that leaves is gone; leaving twice is fine', async ({ stores: { coordination } }) => {
      await coordination.beat(daemon('a'))
      await coordination.beat(daemon('b'))
      await coordination.leave('a')
      await coordination.leave('a')
      expect((await coordination.daemons()).map(({ id }) => id)).toEqual(['b'])
    })
  })

  describe('leases', () => {
    test('one holder at a time, found by others, taken again by itself', async ({ stores: { coordination }, open }) => {
      expect(await coordination.lease('channel:telegram')).toBeUndefined()
      const lease = await coordination.acquireLease('channel:telegram', 'd1')
      expect(lease).toMatchObject({ name: 'channel:telegram', owner: 'd1' })
      const other = (await open()).coordination
      expect(await other.lease('channel:telegram')).toEqual(lease)
      expect(await other.acquireLease('channel:telegram', 'd2')).toBeUndefined()
      expect(await coordination.acquireLease('channel:telegram', 'd1')).toEqual(lease)
      expect(await other.acquireLease('channel:other', 'd2')).toMatchObject({ owner: 'd2' })
    })

    test('a renewal changes the beat, not the fence', async ({ stores: { coordination } }) => {
      const lease = await coordination.acquireLease('l', 'd1')
      if (!lease) throw new Error('not acquired')
      const renewed = await coordination.renewLease('l', lease.fence)
      expect(renewed).toEqual({ ...lease, beat: expect.any(Number) })
      expect(renewed.beat).not.toBe(lease.beat)
      expect(await coordination.lease('l')).toEqual(renewed)
      await expectCode(coordination.renewLease('l', lease.fence + 1), 'E_CONFLICT')
      await expectCode(coordination.renewLease('none', 1), 'E_CONFLICT')
    })

    test('only what was seen unchanged is taken over, with a higher fence', async ({
      stores: { coordination },
      open,
    }) => {
      const seen = await coordination.acquireLease('l', 'd1')
      if (!seen) throw new Error('not acquired')
      const renewed = await coordination.renewLease('l', seen.fence)
      const other = (await open()).coordination
      expect(await other.acquireLease('l', 'd2', seen)).toBeUndefined()
      const taken = await other.acquireLease('l', 'd2', renewed)
      expect(taken).toMatchObject({ owner: 'd2' })
      expect(taken?.fence).toBeGreaterThan(seen.fence)
      await expectCode(coordination.renewLease('l', seen.fence), 'E_CONFLICT')
      await coordination.releaseLease('l', seen.fence)
      expect(await coordination.lease('l')).toEqual(taken)
    })

    test('a released lease is free, and the next fence is higher', async ({ stores: { coordination } }) => {
      const first = await coordination.acquireLease('l', 'd1')
      await coordination.releaseLease('l', first?.fence ?? 0)
      await coordination.releaseLease('l', first?.fence ?? 0)
      expect(await coordination.lease('l')).toBeUndefined()
      await expectCode(coordination.renewLease('l', first?.fence ?? 0), 'E_CONFLICT')
      const second = await coordination.acquireLease('l', 'd2')
      expect(second?.fence).toBeGreaterThan(first?.fence ?? Number.NaN)
      await coordination.releaseLease('none', 1)
    })
  })

  describe('the inbox of a channel', () => {
    const message = (id: string, sender = '42') => ({ id, sender, body: { text: `text of ${id}`, parts: [1, null] } })

    test('messages and offset are accepted in one write, once', async ({ stores: { coordination }, open }) => {
      expect(await coordination.inboxOffset('telegram')).toBeUndefined()
      expect(await coordination.inbox('telegram')).toEqual([])
      await coordination.acceptMessages('telegram', undefined, 10, [message('z'), message('a', '43')])
      await coordination.acceptMessages('telegram', undefined, 10, [message('z'), message('a', '43')])
      await coordination.acceptMessages('telegram', 10, 12, [message('m')])
      const other = (await open()).coordination
      expect(await other.inboxOffset('telegram')).toBe(12)
      expect(await other.inbox('telegram')).toEqual([
        { ...message('z'), state: 'waiting', receivedAt: expect.any(Date) },
        { ...message('a', '43'), state: 'waiting', receivedAt: expect.any(Date) },
        { ...message('m'), state: 'waiting', receivedAt: expect.any(Date) },
      ])
      expect(await other.inbox('other')).toEqual([])
    })

    test('another offset than expected is a conflict and accepts nothing', async ({ stores: { coordination } }) => {
      await expectCode(coordination.acceptMessages('t', 5, 6, [message('a')]), 'E_CONFLICT')
      await coordination.acceptMessages('t', undefined, 10, [])
      await expectCode(coordination.acceptMessages('t', undefined, 11, [message('a')]), 'E_CONFLICT')
      await expectCode(coordination.acceptMessages('t', 9, 11, [message('a')]), 'E_CONFLICT')
      expect(await coordination.inbox('t')).toEqual([])
      expect(await coordination.inboxOffset('t')).toBe(10)
    })

    test('a message is taken by one fence, taken over by a newer one, and done once', async ({
      stores: { coordination },
    }) => {
      await coordination.acceptMessages('t', undefined, 1, [message('a'), message('b')])
      const taken = await coordination.takeMessage('t', 'a', 3)
      expect(taken).toMatchObject({ ...message('a'), state: 'taken', fence: 3 })
      await expectCode(coordination.takeMessage('t', 'a', 3), 'E_CONFLICT')
      await expectCode(coordination.takeMessage('t', 'a', 2), 'E_CONFLICT')
      expect(await coordination.takeMessage('t', 'a', 4)).toMatchObject({ state: 'taken', fence: 4 })
      expect((await coordination.inbox('t')).map(({ id, state }) => [id, state])).toEqual([
        ['a', 'taken'],
        ['b', 'waiting'],
      ])
      await coordination.finishMessage('t', 'a')
      await coordination.finishMessage('t', 'a')
      expect((await coordination.inbox('t')).map(({ id }) => id)).toEqual(['b'])
      await expectCode(coordination.takeMessage('t', 'a', 5), 'E_NOT_FOUND')
      expect(await coordination.inboxOffset('t')).toBe(1)
    })
  })

  describe('approvals', () => {
    test('are kept per channel until one caller resolves them', async ({ stores: { coordination }, open }) => {
      await coordination.saveApproval(approval('b', 'telegram', { expiresAt: at(2) }))
      await coordination.saveApproval(approval('a', 'telegram', { expiresAt: at(3) }))
      await coordination.saveApproval(approval('a', 'other'))
      const other = (await open()).coordination
      expect(await other.approvals('telegram')).toEqual([
        approval('b', 'telegram', { expiresAt: at(2) }),
        approval('a', 'telegram', { expiresAt: at(3) }),
      ])
      expect(await coordination.resolveApproval('telegram', 'a')).toBe(true)
      expect(await other.resolveApproval('telegram', 'a')).toBe(false)
      expect((await coordination.approvals('telegram')).map(({ id }) => id)).toEqual(['b'])
      expect(await coordination.approvals('other')).toEqual([approval('a', 'other')])
    })

    test('names with a slash do not mix', async ({ stores: { coordination } }) => {
      await coordination.saveApproval(approval('c', 'a/b'))
      await coordination.saveApproval(approval('b/c', 'a', { runId: 'run-2' }))
      expect(await coordination.approvals('a/b')).toEqual([approval('c', 'a/b')])
      expect(await coordination.approvals('a')).toEqual([approval('b/c', 'a', { runId: 'run-2' })])
    })
  })
}
