import { expect, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { job } from '../storage/conformance/samples.ts'
import { redisOptions, withClient } from '../storage/redis-setup.ts'
import { testDirectory } from '../support/backends.ts'
import { startRedis } from '../support/redis-server.ts'
import { SchedulerProcess } from '../support/scheduler-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { expectEachSecondOnce } from './every-second.ts'

const TEST_MS = 120_000

async function saveOften(stores: Stores, id: string): Promise<void> {
  const createdAt = await stores.jobRuns.now()
  await stores.scheduledJobs.save(job(id, { cronExpression: '@every 1s', createdAt, updatedAt: createdAt }))
}

test(
  'schedulers go on when their subscriptions are cut, and when all data is gone and as many jobs are saved anew',
  async () => {
    const server = await startRedis(testDirectory())
    try {
      const storage = redisOptions(server.url)
      await using stores = await openStores(storage)
      await using one = await SchedulerProcess.begin({ storage, owner: 'one' })
      await using two = await SchedulerProcess.begin({ storage, owner: 'two' })
      const started = (id: string) => [...one.started, ...two.started].filter((run) => run.job === id)
      const firesOn = async (id: string) => {
        const before = started(id).length
        await waitFor(`two more fires of ${id}`, () => started(id).length >= before + 2, 60_000)
      }
      await saveOften(stores, 'kept')
      await saveOften(stores, 'dropped')
      await firesOn('kept')
      await withClient(server.url, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'))
      await saveOften(stores, 'meanwhile')
      await firesOn('meanwhile')
      await firesOn('kept')
      for (const id of ['kept', 'dropped']) expectEachSecondOnce(await stores.jobRuns.list({ jobId: id, limit: 0 }))

      await withClient(server.url, (client) => client.flushall())
      await saveOften(stores, 'kept')
      await saveOften(stores, 'meanwhile')
      await saveOften(stores, 'new')
      await firesOn('new')
      const dropped = started('dropped').length
      await firesOn('kept')
      await firesOn('meanwhile')
      expect(started('dropped')).toHaveLength(dropped)
      expect(await Promise.all([one.stop(), two.stop()])).toEqual([0, 0])
      const runs = await stores.jobRuns.list({ limit: 0 })
      expect([...new Set(runs.map(({ jobId }) => jobId))].sort()).toEqual(['kept', 'meanwhile', 'new'])
      for (const id of ['kept', 'meanwhile', 'new']) {
        expectEachSecondOnce(runs.filter(({ jobId }) => jobId === id))
        const moments = started(id).map(({ at }) => at.getTime())
        expect(new Set(moments).size).toBe(moments.length)
      }
    } finally {
      await server.stop()
    }
  },
  TEST_MS,
)
