import { describe, expect, it } from 'vitest'
import { StoreClock } from '#scheduler/store-clock.ts'

/** A store and a machine whose clocks are moved by hand. */
function clocks() {
  const at = { store: 1_000_000, wall: 900_000, monotonic: 5_000, asked: 0, roundTrip: 0, healthy: true }
  const runs = {
    now: async () => {
      at.asked += 1
      at.monotonic += at.roundTrip / 2
      const now = new Date(at.store)
      at.monotonic += at.roundTrip / 2
      return now
    },
  }
  const clock = { wall: () => at.wall, monotonic: () => at.monotonic }
  const health = async () => {
    at.monotonic += 70
    if (!at.healthy) throw new Error('not now')
  }
  return { at, clock: new StoreClock(runs, clock, health) }
}

describe('StoreClock', () => {
  it('goes on from the last answer by the monotonic clock', async () => {
    const { at, clock } = clocks()
    await clock.refresh()
    expect(clock.now()).toEqual(new Date(1_000_000))
    at.monotonic += 1_234
    at.wall += 1_234
    expect(clock.now()).toEqual(new Date(1_001_234))
  })

  it('takes the answer for the middle of its round trip, without the time that health took', async () => {
    const { at, clock } = clocks()
    at.roundTrip = 80
    await clock.refresh()
    expect(clock.now()).toEqual(new Date(1_000_040))
  })

  it('asks again after 30 s, not before', async () => {
    const { at, clock } = clocks()
    await clock.refresh()
    at.monotonic += 29_999
    at.wall += 29_999
    await clock.refresh()
    expect(at.asked).toBe(1)
    at.monotonic += 1
    at.wall += 1
    await clock.refresh()
    expect(at.asked).toBe(2)
  })

  it.each([2 * 3_600_000, -2 * 3_600_000, 1_001])(
    'asks at once after a jump of the wall clock of %i ms',
    async (ms) => {
      const { at, clock } = clocks()
      await clock.refresh()
      at.wall += ms
      at.store += ms
      expect(clock.now()).toEqual(new Date(1_000_000))
      await clock.refresh()
      expect(clock.now()).toEqual(new Date(1_000_000 + ms))
    },
  )

  it('stays where the store is when only the machine has jumped', async () => {
    const { at, clock } = clocks()
    await clock.refresh()
    at.wall += 600_000
    await clock.refresh()
    expect(clock.now()).toEqual(new Date(1_000_000))
    expect(at.asked).toBe(2)
  })

  it('asks again once it is doubted', async () => {
    const { at, clock } = clocks()
    await clock.refresh()
    clock.doubt()
    at.store += 5_000
    await clock.refresh()
    expect(clock.now()).toEqual(new Date(1_005_000))
  })

  it('fails, and asks again, while the store is not healthy', async () => {
    const { at, clock } = clocks()
    at.healthy = false
    await expect(clock.refresh()).rejects.toThrow('not now')
    at.healthy = true
    await clock.refresh()
    expect(clock.now()).toEqual(new Date(1_000_000))
  })
})
