import { describe, expect, it, vi } from 'vitest'
import { Presence, type PresenceOptions } from '#daemon/presence.ts'
import { StoreOutage } from '#scheduler/store-outage.ts'
import type { DaemonPresence } from '#storage/contract/coordination.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { openMemory } from '#storage/memory/open.ts'
import { RecordedLog } from '../support/recorded-log.ts'

const OTHER = { id: 'daemon-2', host: 'host-2', behind: false }

function setUp(more: Partial<PresenceOptions> = {}, about: Partial<DaemonPresence> = {}) {
  const { coordination } = openMemory({ type: 'memory', warn: () => {} })
  const log = new RecordedLog()
  const daemon = {
    id: 'daemon-1',
    host: 'host-1',
    pid: 4711,
    version: '1.0.0',
    tzdata: '2026a',
    timezone: 'UTC',
    since: new Date(),
    scheduler: true,
    ...about,
  }
  const options = { coordination, daemon, behind: () => false, log, outage: new StoreOutage(log), beatMs: 5, ...more }
  return { coordination, daemon, log, options, presence: new Presence(options) }
}

describe('presence', () => {
  it('is there from the beginning, renewed, and gone at the end', async () => {
    const { coordination, presence, daemon } = setUp()
    {
      await using _ = presence
      await presence.begin()
      const [first] = await coordination.daemons()
      expect(first).toMatchObject(daemon)
      await vi.waitFor(async () => {
        const [again] = await coordination.daemons()
        expect(again?.lastBeat.getTime()).toBeGreaterThan(first?.lastBeat.getTime() ?? 0)
      })
    }
    expect(await coordination.daemons()).toEqual([])
  })

  it('says whether the daemon is behind, anew at each beat', async () => {
    let behind = false
    const { coordination, presence } = setUp({ behind: () => behind })
    await using _ = presence
    await presence.begin()
    expect(await coordination.daemons()).toMatchObject([{ behind: false }])
    behind = true
    await vi.waitFor(async () => expect(await coordination.daemons()).toMatchObject([{ behind: true }]))
  })

  it('warns once of a clock that is not the store', async () => {
    const { presence, log } = setUp({ now: () => new Date(Date.now() + 600_000) })
    await using _ = presence
    await presence.begin()
    expect(log.messages('warn')).toEqual(["the clock of host-1 is 600 s ahead of the store's: set it by NTP"])
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(log.messages('warn')).toHaveLength(1)
  })

  it('has nothing against a difference of 5 s', async () => {
    const { presence, log } = setUp({ now: () => new Date(Date.now() - 4_900) })
    await using _ = presence
    await presence.begin()
    expect(log.lines).toEqual([])
  })

  it.each<[keyof DaemonPresence, string, string]>([
    ['tzdata', '2019c', 'host-2 has time zone data 2019c, this daemon 2026a'],
    ['version', '0.9.0', 'host-2 has infer 0.9.0, this daemon 1.0.0'],
    ['timezone', 'Europe/Berlin', 'host-2 has time zone Europe/Berlin, this daemon UTC'],
  ])('warns of another daemon with another %s', async (field, value, sentence) => {
    const { coordination, daemon, presence, log } = setUp()
    await coordination.beat({ ...daemon, ...OTHER, clock: new Date(), [field]: value })
    await using _ = presence
    await presence.begin()
    expect(log.messages('warn')).toEqual([expect.stringContaining(sentence)])
  })

  it('does not care what a daemon had that is gone', async () => {
    const { coordination, daemon, presence, log } = setUp()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 61_000 })
    await coordination.beat({ ...daemon, ...OTHER, clock: new Date(), tzdata: '2019c' })
    vi.useRealTimers()
    await using _ = presence
    await presence.begin()
    expect(await coordination.daemons()).toHaveLength(2)
    expect(log.lines).toEqual([])
  })

  it('survives a store that does not answer, one question at a time, and says so once', async () => {
    const { options, coordination, log } = setUp()
    let asked = 0
    let asking = 0
    let back = false
    const beat: typeof coordination.beat = async (daemon) => {
      asked += 1
      asking += 1
      expect(asking).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 12))
      asking -= 1
      if (!back) throw new StorageError('E_UNAVAILABLE', 'memory', 'nobody answers')
      await coordination.beat(daemon)
    }
    await using presence = new Presence({ ...options, coordination: { ...coordination, beat } })
    await presence.begin()
    await vi.waitFor(() => expect(asked).toBeGreaterThan(3))
    back = true
    await vi.waitFor(() => expect(log.messages('info')).toEqual(['the store can be used again']))
    expect(log.messages('error')).toHaveLength(1)
    expect(await coordination.daemons()).toHaveLength(1)
  })
})
