import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Term } from '#channels/channel-lease.ts'
import { Delivery } from '#channels/delivery.ts'
import { Telegram } from '#channels/telegram/telegram.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { TelegramServer, TOKEN } from '../support/telegram-server.ts'
import { waitFor } from '../support/wait-for.ts'

let stores: Stores
let server: TelegramServer
let stop: AbortController
beforeEach(async () => {
  stores = await openStores({ type: 'memory', warn: () => {} })
  server = await new TelegramServer().listen()
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  await server[Symbol.asyncDispose]()
  await stores[Symbol.asyncDispose]()
})

/** A run of a job of that chat that has ended with that output. */
async function ended(output: string, recipientId = '42'): Promise<JobRun> {
  const now = await stores.jobRuns.now()
  const job = await stores.scheduledJobs.save({
    id: 'job',
    cronExpression: '@daily',
    timezone: 'UTC',
    prompt: 'x',
    runOnce: false,
    enabled: true,
    catchUp: 'latest',
    overlap: 'skip',
    createdAt: now,
    updatedAt: now,
    channel: 'telegram',
    recipientId,
  })
  const claim = await stores.jobRuns.claim({
    jobId: job.id,
    revision: job.revision,
    scheduledFor: now,
    trigger: 'manual',
    owner: 'a',
    host: 'h',
    token: 't',
  })
  if (!claim.claimed) throw new Error(claim.refusal)
  await stores.jobRuns.start(claim.run.id, 1, { pid: 1, host: 'h' })
  return await stores.jobRuns.finish(claim.run.id, 1, { state: 'succeeded', output })
}

/** Delivers as the holder of the lease on that fence. */
function deliver(fence: number): Delivery {
  const term: Term = { fence, lost: new AbortController().signal, confirmed: async (signal) => !signal.aborted }
  const channel = new Telegram({
    token: TOKEN,
    allowedUsers: ['42'],
    pollTimeout: 1,
    apiRoot: server.url,
    log: new RecordedLog(),
  })
  const delivery = new Delivery({
    channel,
    runs: stores.jobRuns,
    term,
    persist: async (act) => await act(),
    log: new RecordedLog(),
    lookMs: 20,
  })
  void delivery.run(stop.signal)
  return delivery
}

const settled = async (id: string) =>
  await waitFor('the delivery', async () => {
    const { delivery } = await stores.jobRuns.get(id)
    return (delivery.state === 'delivered' || delivery.state === 'failed') && delivery
  })

describe('the result of a run', () => {
  it('arrives in parts, each once, and is tried again where sending failed', async () => {
    const words = Array.from({ length: 1_200 }, (_, index) => `word${index}`).join(' ')
    const { id } = await ended(words)
    server.trouble({ method: 'sendMessage', status: 502, description: 'Bad Gateway', times: 1 })
    deliver(1)
    expect(await settled(id)).toMatchObject({ state: 'delivered', parts: 3 })
    const text = server
      .sentTo(42)
      .map((one) => one.trim())
      .join(' ')
    expect(text).toBe(`job\n\n${words}`)
    expect(server.messages).toHaveLength(3)
  })

  it('is recorded part by part', async () => {
    const { id } = await ended('many words '.repeat(1_000))
    server.trouble({ method: 'sendMessage', hang: true, skip: 2 })
    deliver(1)
    await waitFor('two parts are recorded', async () => {
      const { delivery } = await stores.jobRuns.get(id)
      return delivery.state === 'sending' && delivery.parts === 2
    })
    expect(server.messages).toHaveLength(2)
  })

  it('goes on behind the parts that a sender had recorded before it died, and says what may be there already', async () => {
    const words = Array.from({ length: 1_200 }, (_, index) => `word${index}`).join(' ')
    const { id } = await ended(words)
    await stores.jobRuns.claimDelivery(id, 3)
    await stores.jobRuns.finishDelivery(id, 3, { state: 'pending', parts: 1 })
    await stores.jobRuns.claimDelivery(id, 3)
    deliver(4)
    expect(await settled(id)).toMatchObject({ state: 'delivered', parts: 3, fence: 4 })
    const [first, second] = server.sentTo(42)
    expect(first).toMatch(/^\(Sent again: whether it arrived before is not known\.\)\n\nword/)
    expect(second).toMatch(/^word/)
    expect(server.messages).toHaveLength(2)
  })

  it('is left alone while a newer holder sends it', async () => {
    const { id } = await ended('hello')
    await stores.jobRuns.claimDelivery(id, 9)
    deliver(4).hint()
    const other = await stores.jobRuns.list({ limit: 0, only: 'undelivered' })
    expect(other.map((run) => run.delivery)).toMatchObject([{ state: 'sending', fence: 9 }])
    await stores.jobRuns.finishDelivery(id, 9, { state: 'delivered', parts: 1 })
    await settled(id)
    expect(server.messages).toEqual([])
  })

  it('goes to nobody who is not allowed', async () => {
    const { id } = await ended('hello', '7')
    deliver(1)
    expect(await settled(id)).toMatchObject({ state: 'failed', error: '7 is not in telegram.allowed_users' })
    expect(server.calls).toEqual([])
  })
})
