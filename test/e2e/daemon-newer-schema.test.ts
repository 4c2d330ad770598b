import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { StorageOptions } from '#storage/options.ts'
import { DURABLE } from '../faults/durable.ts'
import { rawPostgres, rawRedis, rawSqlite } from '../support/backends.ts'
import { makeSite, saveJob } from '../support/daemon.ts'
import { waitFor } from '../support/wait-for.ts'

const TEST_MS = 300_000
/** A daemon looks at the schema every 30 s. */
const NOTICED_MS = 90_000

/** Does to the stored schema what a newer release would. */
async function stampNewer(options: StorageOptions): Promise<void> {
  const insert = (table: string) =>
    `insert into ${table} (version, applied_at) values (9999, '2026-01-01T00:00:00.000Z')`
  switch (options.type) {
    case 'jsonl':
      mkdirSync(options.runsDir, { recursive: true })
      return writeFileSync(join(options.runsDir, 'format'), '9999\n')
    case 'sqlite': {
      const database = rawSqlite(options)
      database.exec(insert('infer_migrations'))
      database.close()
      return
    }
    case 'postgres': {
      const client = await rawPostgres(options)
      await client.query(insert('infer.migrations'))
      return await client.end()
    }
    case 'redis': {
      const client = rawRedis(options)
      await client.set('infer:schema', '9999')
      client.disconnect()
    }
  }
}

describe('a daemon whose schema a newer release changes while it runs', () => {
  it.concurrent.each(DURABLE)(
    'says so on %s, claims nothing more, and stops cleanly',
    async (type) => {
      await using site = await makeSite(type)
      const daemon = await site.daemon({}, ['--health-port', '0'])
      const url = String((await daemon.logs(/^health and metrics are served/)).url)
      // Each second: a single fire may have passed before a slow machine has saved its job.
      const often = { inSeconds: 1, everySeconds: 1 }
      await saveJob(site, { id: 'before', prompt: 'say hello' }, often)
      const ran = async () => (await site.runs('before')).some(({ state }) => state === 'succeeded')
      await waitFor('its run', ran, NOTICED_MS)
      await site.stores.scheduledJobs.delete('before')
      await daemon.logs(/^job deleted/, NOTICED_MS)
      await stampNewer(site.options)
      const line = await daemon.logs(/^the store cannot be used at present/, NOTICED_MS)
      expect(line).toMatchObject({ level: 'error', message: expect.stringContaining('newer') })
      const response = await fetch(`${url}/readyz`)
      expect(response.status).toBe(503)
      expect(await response.json()).toEqual({ ready: false, reason: expect.stringContaining('newer') })
      const { jobRuns } = site.stores
      await saveJob(site, { id: 'after', prompt: 'say hello' }, often)
      const since = (await jobRuns.now()).getTime()
      await waitFor('its fire', async () => (await jobRuns.now()).getTime() > since + 4_000)
      expect(await site.runs('after')).toEqual([])
      expect(await daemon.stop()).toBe(0)
      expect(await site.runs('after')).toEqual([])
      expect(daemon.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    },
    TEST_MS,
  )
})
