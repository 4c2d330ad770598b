import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { DURABLE } from '../faults/durable.ts'
import { makeSite, saveJob } from '../support/daemon.ts'
import { waitFor } from '../support/wait-for.ts'

/** Fires in one second. */
const AT_ONCE = 20
const LIMIT_MS = 600_000
const LOOK_MS = 500

/** Five real daemons with real agents, and jobs of one fire each; every other one is removed by it. */
export function describeManyDaemons(fires: number): void {
  describe(`five daemons and ${fires} fires`, () => {
    it.each(DURABLE)(
      'are so many runs on %s, none twice and none missing',
      async (type) => {
        await using site = await makeSite(type)
        const ids = Array.from({ length: fires }, (_, n) => `j${String(n).padStart(4, '0')}`)
        for (const [n, id] of ids.entries()) {
          const job = { id, prompt: 'say hello', runOnce: n % 2 === 0 }
          await saveJob(site, job, { inSeconds: 5 + Math.floor(n / AT_ONCE) })
        }
        const daemons = await Promise.all(Array.from({ length: 5 }, () => site.daemon()))
        const runs = await waitFor(
          'the end of every run',
          async () => {
            // A list of all runs is dear: asked for without a pause it would take the time of the agents.
            await sleep(LOOK_MS)
            const found = await site.stores.jobRuns.list({ limit: 0 })
            return found.filter(({ finishedAt }) => finishedAt !== undefined).length >= fires && found
          },
          LIMIT_MS,
        )
        expect(await Promise.all(daemons.map((daemon) => daemon.stop()))).toEqual([0, 0, 0, 0, 0])
        expect(runs.map(({ jobId }) => jobId).sort()).toEqual(ids)
        expect(runs.filter(({ state, fence }) => state !== 'succeeded' || fence !== 1)).toEqual([])
        expect(daemons.flatMap(({ started }) => started).sort()).toEqual(runs.map(({ id }) => id).sort())
        const { conversations } = await site.stores.conversations.list({ limit: 0, offset: 0 })
        expect(conversations.map(({ id }) => id).sort()).toEqual(runs.map(({ sessionId }) => sessionId).sort())
        const { jobs } = await site.stores.scheduledJobs.list()
        expect(jobs.map(({ id }) => id).sort()).toEqual(ids.filter((_, n) => n % 2 === 1))
      },
      LIMIT_MS,
    )
  })
}
