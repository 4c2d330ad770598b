import { afterEach, describe, expect, it } from 'vitest'
import { ChannelLease, type ChannelLeaseOptions, type Term } from '#channels/channel-lease.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { waitFor } from '../support/wait-for.ts'

let stores: Stores | undefined
const stops: AbortController[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort()
  await stores?.[Symbol.asyncDispose]()
})

async function open(): Promise<Stores['coordination']> {
  stores = await openStores({ type: 'memory', warn: () => {} })
  return stores.coordination
}

/** Holds a lease until it is stopped, and remembers each term. */
function holder(owner: string, coordination: ChannelLeaseOptions['coordination'], expireMs = 300) {
  const terms: Term[] = []
  const stop = new AbortController()
  stops.push(stop)
  const lease = new ChannelLease({
    coordination,
    name: 'channel:x',
    owner,
    log: new RecordedLog(),
    renewMs: 20,
    lookMs: 10,
    expireMs,
  })
  const ended = lease.hold(stop.signal, async (term) => {
    terms.push(term)
    await waitFor('the end of the term', () => stop.signal.aborted || term.lost.aborted, 60_000)
  })
  return { terms, ended, stop: () => stop.abort() }
}

describe('the lease of a channel', () => {
  it('is held by one of two, and by the other one once it was released', async () => {
    const coordination = await open()
    const [first, second] = [holder('a', coordination), holder('b', coordination)]
    await waitFor('a holder', () => first.terms.length + second.terms.length === 1)
    const [held, waiting] = first.terms.length === 1 ? [first, second] : [second, first]
    const { beat = 0 } = (await coordination.lease('channel:x')) ?? {}
    await waitFor('renewals', async () => ((await coordination.lease('channel:x'))?.beat ?? 0) > beat + 20)
    expect(waiting.terms).toEqual([])
    held.stop()
    await held.ended
    await waitFor('the other one', () => waiting.terms.length === 1)
    expect(waiting.terms[0]?.fence).toBe(2)
  })

  it('is taken over when its holder renews it no more, who begins nothing then', async () => {
    const coordination = await open()
    let reachable = true
    const renewLease: typeof coordination.renewLease = async (name, fence) => {
      if (!reachable) throw new Error('the network is away')
      return await coordination.renewLease(name, fence)
    }
    const first = holder('a', { ...coordination, renewLease })
    await waitFor('the first', () => first.terms.length === 1)
    const [term] = first.terms
    const never = new AbortController().signal
    expect(await term?.confirmed(never)).toBe(true)
    reachable = false
    const second = holder('b', coordination)
    await waitFor('the takeover', () => second.terms.length === 1)
    expect(await second.terms[0]?.confirmed(never)).toBe(true)
    const doubt = term?.confirmed(never)
    reachable = true
    expect(await doubt).toBe(false)
    expect(term?.lost.aborted).toBe(true)
  })

  it('is kept through an outage of the store that ends before anybody took it', async () => {
    const coordination = await open()
    let reachable = true
    const renewLease: typeof coordination.renewLease = async (name, fence) => {
      if (!reachable) throw new Error('the store is away')
      return await coordination.renewLease(name, fence)
    }
    const { terms } = holder('a', { ...coordination, renewLease }, 100)
    await waitFor('the lease', () => terms.length === 1)
    reachable = false
    let confirmed = false
    const asked = async () => {
      const stop = AbortSignal.timeout(1)
      return await terms[0]?.confirmed(stop)
    }
    await waitFor('doubt', async () => !(await asked()))
    const waiting = terms[0]?.confirmed(new AbortController().signal).then((held) => {
      confirmed = held
    })
    expect(confirmed).toBe(false)
    reachable = true
    await waiting
    expect(confirmed).toBe(true)
    expect(terms).toHaveLength(1)
  })
})
