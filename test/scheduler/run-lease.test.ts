import { describe, expect, it, vi } from 'vitest'
import { type RunLeaseOptions, startRun } from '#scheduler/run-lease.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { claimedRun } from './claimed-run.ts'

const never = new AbortController().signal

/** A store that can be taken away, and clocks that stand still until they are moved. */
async function leasing(more: Partial<RunLeaseOptions> = {}) {
  const { stores, run, claimant } = await claimedRun()
  const state = { away: false, renewals: 0, wall: 1_000_000, monotonic: 5_000 }
  const guard = async <T>(act: () => Promise<T>): Promise<T> => {
    if (state.away) throw new StorageError('E_UNAVAILABLE', 'memory', 'away')
    return await act()
  }
  const runs: RunLeaseOptions['runs'] = {
    start: (...args) => guard(() => stores.jobRuns.start(...args)),
    finish: (...args) => guard(() => stores.jobRuns.finish(...args)),
    renew: (...args) => {
      state.renewals += 1
      return guard(() => stores.jobRuns.renew(...args))
    },
  }
  const options: RunLeaseOptions = {
    runs,
    runId: run.id,
    fence: run.fence,
    pid: 4711,
    host: 'host-1',
    sessionId: 'session-1',
    renewMs: 15_000,
    graceMs: 45_000,
    retryMs: 1,
    wall: () => state.wall,
    monotonic: () => state.monotonic,
    ...more,
  }
  const takeAway = async () => {
    await stores.jobRuns.reap(
      run.id,
      { fence: run.fence, reason: 'the lease expired' },
      { ...claimant, token: 'other' },
    )
  }
  return { stores, run, state, options, takeAway }
}

const stateOf = async (stores: Stores, id: string) => (await stores.jobRuns.get(id)).state

describe('startRun', () => {
  it('moves claimed to running, with process, host and session, and returns the snapshot', async () => {
    const { options, stores, run } = await leasing()
    using lease = await startRun(options)
    expect(lease.run.snapshot).toMatchObject({ prompt: 'say hello' })
    expect(await stores.jobRuns.get(run.id)).toMatchObject({
      state: 'running',
      pid: 4711,
      host: 'host-1',
      sessionId: 'session-1',
    })
  })

  it('refuses an old fence and a run that somebody has started', async () => {
    const { options } = await leasing()
    await expect(startRun({ ...options, fence: 0 })).rejects.toMatchObject({ code: 'E_CONFLICT' })
    using _ = await startRun(options)
    await expect(startRun({ ...options, pid: 4712 })).rejects.toMatchObject({ code: 'E_CONFLICT' })
  })

  it('waits for a store that does not answer, but not for ever', async () => {
    const { options, state } = await leasing()
    state.away = true
    await expect(startRun({ ...options, startForMs: 0 })).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
    const starting = startRun({ ...options, startForMs: 60_000 })
    state.away = false
    using lease = await starting
    expect(lease.run.state).toBe('running')
  })
})

describe('RunLease', () => {
  it('renews on its timer', async () => {
    const { options, stores, run, state } = await leasing({ renewMs: 5 })
    using lease = await startRun(options)
    await vi.waitFor(() => expect(state.renewals).toBeGreaterThan(2))
    expect((await stores.jobRuns.states()).get(run.jobId)?.runs[0]?.lease).toBeGreaterThan(lease.run.lease)
  })

  it('is lost when a renewal is refused', async () => {
    const { options, takeAway, run } = await leasing({ renewMs: 5 })
    using lease = await startRun(options)
    await takeAway()
    await vi.waitFor(() => expect(lease.signal.aborted).toBe(true))
    await expect(lease.confirm(never)).rejects.toThrow(`Run ${run.id} is no longer held on fence 1`)
  })

  it.each(['wall', 'monotonic'] as const)(
    'renews before a call when it is older than 15 s by the %s clock',
    async (clock) => {
      const { options, state } = await leasing()
      using lease = await startRun(options)
      state[clock] += 15_000
      await lease.confirm(never)
      expect(state.renewals).toBe(0)
      state[clock] += 1
      await lease.confirm(never)
      expect(state.renewals).toBe(1)
      await lease.confirm(never)
      expect(state.renewals).toBe(1)
    },
  )

  it('begins no call after a refusal, however young the last renewal', async () => {
    const { options, state, takeAway } = await leasing()
    using lease = await startRun(options)
    await takeAway()
    state.monotonic += 15_001
    await expect(lease.confirm(never)).rejects.toMatchObject({ code: 'E_FAILED' })
    expect(lease.signal.aborted).toBe(true)
  })

  it('lets calls begin for 45 s while the store is away, then makes them wait until it is back', async () => {
    const { options, state } = await leasing()
    using lease = await startRun(options)
    state.away = true
    state.wall += 45_000
    await lease.confirm(never)
    state.wall += 1
    let begun = false
    const waiting = lease.confirm(never).then(() => {
      begun = true
    })
    const before = state.renewals
    await vi.waitFor(() => expect(state.renewals).toBeGreaterThan(before + 3))
    expect(begun).toBe(false)
    state.away = false
    await waiting
    expect(begun).toBe(true)
  })

  it('does not wait for a store when the run is to stop', async () => {
    const { options, state } = await leasing()
    using lease = await startRun(options)
    state.away = true
    state.monotonic += 60_000
    const stop = new AbortController()
    const waiting = lease.confirm(stop.signal)
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  it('counts the age from when a renewal was asked, not from when it was answered', async () => {
    const { options, state, stores } = await leasing()
    const answer = Promise.withResolvers<void>()
    const runs = { ...options.runs, renew: () => answer.promise }
    using lease = await startRun({ ...options, runs })
    state.wall += 20_000
    const waiting = lease.confirm(never)
    state.wall += 20_000
    answer.resolve()
    await waiting
    expect(await stateOf(stores, lease.run.id)).toBe('running')
    let again = 0
    runs.renew = async () => {
      again += 1
    }
    await lease.confirm(never)
    expect(again).toBe(1)
  })

  it('stores the end and frees the slot', async () => {
    const { options, stores, run } = await leasing()
    using lease = await startRun(options)
    await lease.finish({ state: 'succeeded', output: 'hello' }, never)
    expect(await stores.jobRuns.get(run.id)).toMatchObject({
      state: 'succeeded',
      output: 'hello',
      sessionId: 'session-1',
    })
    expect((await stores.jobRuns.state(run.jobId))?.runs).toEqual([])
  })

  it('tries to store the end until the store is back', async () => {
    const { options, stores, run, state } = await leasing()
    using lease = await startRun(options)
    state.away = true
    const ending = lease.finish({ state: 'failed', reason: 'why' }, never)
    state.away = false
    await ending
    expect(await stores.jobRuns.get(run.id)).toMatchObject({ state: 'failed', reason: 'why' })
  })

  it('ends nothing that was settled by somebody else', async () => {
    const { options, stores, run, takeAway } = await leasing()
    using lease = await startRun(options)
    await takeAway()
    expect(await lease.finish({ state: 'succeeded' }, never)).toBeUndefined()
    expect(await stateOf(stores, run.id)).toBe('lost')
  })
})
