import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Stores } from '#storage/contract/stores.ts'
import { openRedis } from '#storage/redis/open.ts'
import { testDirectory } from '../support/backends.ts'
import { REDIS_PASSWORD, startRedis } from '../support/redis-server.ts'
import type { TestServer } from '../support/test-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { job } from './conformance/samples.ts'
import { redisOptions, Watching, withClient, withRedis } from './redis-setup.ts'

const directory = testDirectory()
let server: TestServer

beforeAll(async () => {
  server = await startRedis(directory, { name: 'watch' })
})
afterAll(() => server.stop())
beforeEach(() =>
  withClient(server.url, async (client) => {
    await client.flushall()
    await client.config('SET', 'notify-keyspace-events', '')
  }),
)

/** Only hints can tell within the time of a test. */
const HINTS = { pollMs: 600_000, fullListMs: 600_000 }
/** Only the poll can. */
const POLL = { hints: false, pollMs: 20, fullListMs: 600_000 }

function text(id: string, prompt: string): string {
  return JSON.stringify({ id, cron_expression: '* * * * *', prompt })
}

/** Waits until the watch hears: until then a change is found by the list that follows the subscription. */
async function heard(watching: Watching, url = server.url, db = 0): Promise<void> {
  await watching.synced()
  await withClient(url, (client) =>
    waitFor('subscribed', async () => {
      const [, subscribers] = (await client.pubsub('NUMSUB', `infer:${db}:changes`)) as [string, number]
      return subscribers > 0 && Number(await client.pubsub('NUMPAT')) > 0
    }),
  )
}

async function edits(watching: Watching): Promise<void> {
  await withClient(server.url, async (client) => {
    await client.set('infer:schedules:hand', text('hand', 'made'))
    await watching.until('a foreign SET', (prompts) => prompts.hand === 'made')
    await client.set('infer:schedules:hand', text('hand', 'edited'))
    await watching.until('a foreign edit', (prompts) => prompts.hand === 'edited')
    await client.set('infer:schedules:hand', '{"torn')
    await watching.until('a foreign break', (prompts) => prompts.hand === 'unreadable')
    await client.set('infer:schedules:hand', text('hand', 'repaired'))
    await watching.until('a foreign repair', (prompts) => prompts.hand === 'repaired')
    await client.rename('infer:schedules:hand', 'infer:schedules:other')
    await watching.until('a foreign RENAME', (prompts) => prompts.other === 'repaired' && !('hand' in prompts))
    await client.del('infer:schedules:other')
    await watching.until('a foreign DEL', (prompts) => !('other' in prompts))
  })
}

async function saves(watching: Watching, stores: Stores): Promise<void> {
  await stores.scheduledJobs.save(job('ours', { prompt: 'one' }))
  await watching.until('a save', (prompts) => prompts.ours === 'one')
  await stores.scheduledJobs.save(job('ours', { prompt: 'two' }))
  await watching.until('a second save', (prompts) => prompts.ours === 'two')
  await stores.scheduledJobs.delete('ours')
  await watching.until('a delete', (prompts) => !('ours' in prompts))
}

describe.each([
  ['hints alone', HINTS],
  ['the poll alone', POLL],
])('with %s', (_name, watch) => {
  test('saves and edits by hand are told', async () => {
    await withRedis(redisOptions(server.url, { watch }), async (stores) => {
      await using watching = new Watching(stores.scheduledJobs)
      await (watch === HINTS ? heard(watching) : watching.synced())
      await withRedis(redisOptions(server.url), (other) => saves(watching, other))
      await edits(watching)
      expect(watching.changes.filter(({ type }) => type === 'unavailable')).toEqual([])
    })
  })
})

test('an edit by hand is found among more jobs than one look covers, by the poll alone', async () => {
  await withRedis(redisOptions(server.url, { watch: POLL }), async (stores) => {
    await withClient(server.url, async (client) => {
      const pairs = Array.from({ length: 1_200 }, (_, n) => [`infer:schedules:j${n}`, text(`j${n}`, 'many')])
      await client.mset(...pairs.flat())
      await using watching = new Watching(stores.scheduledJobs)
      await watching.synced()
      expect(Object.keys(watching.prompts)).toHaveLength(1_200)
      for (const id of ['j0', 'j700', 'j1199']) {
        await client.set(`infer:schedules:${id}`, text(id, 'edited'))
        await watching.until(`the edit of ${id}`, (prompts) => prompts[id] === 'edited')
      }
    })
  })
})

test('flags of keyspace notifications that are on stay on', async () => {
  await withClient(server.url, async (client) => {
    await client.config('SET', 'notify-keyspace-events', 'El')
    await withRedis(redisOptions(server.url, { watch: HINTS }), async (stores) => {
      await using watching = new Watching(stores.scheduledJobs)
      await heard(watching)
      const flags = await waitFor('flags', async () => {
        const [, now = ''] = (await client.config('GET', 'notify-keyspace-events')) as string[]
        return now.includes('K') && now
      })
      for (const flag of 'ElK$gxe') expect(flags).toContain(flag)
    })
  })
})

test('where notifications are refused, one warning, and edits are still told', async () => {
  await withClient(server.url, (client) =>
    client.call('ACL', 'SETUSER', 'quiet', 'reset', 'on', '>secret', '~infer:*', '&infer:*', '+@all', '-config|set'),
  )
  const url = server.url.replace(`:${REDIS_PASSWORD}@`, 'quiet:secret@')
  const warnings: string[] = []
  const options = redisOptions(url, { watch: { ...POLL, hints: true }, warn: (message) => warnings.push(message) })
  await withRedis(options, async (stores) => {
    await using first = new Watching(stores.scheduledJobs)
    await using second = new Watching(stores.scheduledJobs)
    await Promise.all([first.synced(), second.synced()])
    await edits(first)
    const told = () => warnings.filter((message) => message.includes('turning on keyspace notifications'))
    await waitFor('the warning', () => told().length > 0)
    expect(told()).toHaveLength(1)
    expect(warnings.join()).not.toContain('secret')
  })
})

test('a subscription that is cut heals, and what happened meanwhile is told', async () => {
  await withRedis(redisOptions(server.url, { watch: HINTS }), async (stores) => {
    await using watching = new Watching(stores.scheduledJobs)
    await heard(watching)
    await withClient(server.url, async (client) => {
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await client.set('infer:schedules:meanwhile', text('meanwhile', 'x'))
      await watching.until('what happened meanwhile', (prompts) => prompts.meanwhile === 'x')
    })
    await heard(watching)
    await edits(watching)
  })
})

test('a server that goes away and comes back: unavailable, then everything right again', async () => {
  const name = 'restarted'
  const args = ['--appendonly', 'yes', '--appendfsync', 'always']
  const first = await startRedis(directory, { name, args, keep: true })
  const port = Number(new URL(first.url).port)
  await withRedis(redisOptions(first.url, { watch: { pollMs: 50, fullListMs: 600_000 } }), async (stores) => {
    await using watching = new Watching(stores.scheduledJobs)
    await heard(watching, first.url)
    await stores.scheduledJobs.save(job('kept', { prompt: 'before' }))
    await watching.until('the save', (prompts) => prompts.kept === 'before')
    await first.stop()
    await waitFor('unavailable', () => watching.changes.at(-1)?.type === 'unavailable')
    await expect(stores.shellHistory.append('x')).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
    await expect(stores.health()).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
    const second = await startRedis(directory, { name, args, port })
    await watching.synced()
    await withRedis(redisOptions(second.url), (other) => other.scheduledJobs.save(job('kept', { prompt: 'after' })))
    await watching.until('a save after it', (prompts) => prompts.kept === 'after')
    await stores.health()
    expect(Object.keys(watching.prompts)).toEqual(['kept'])
    await second.stop()
  })
})

test.each([
  ['hints', HINTS],
  ['the poll', POLL],
])('FLUSHALL with as many saves after it is seen by %s', async (_name, watch) => {
  await withRedis(redisOptions(server.url, { watch }), async (stores) => {
    await withRedis(redisOptions(server.url), async (other) => {
      for (const id of ['a', 'b']) await other.scheduledJobs.save(job(id, { prompt: 'before' }))
      await using watching = new Watching(stores.scheduledJobs)
      await (watch === HINTS ? heard(watching) : watching.synced())
      await withClient(server.url, (client) => client.flushall())
      for (const id of ['b', 'c']) await other.scheduledJobs.save(job(id, { prompt: 'after' }))
      await watching.until('the new jobs', (prompts) => prompts.b === 'after' && prompts.c === 'after')
      await watching.until('the old job gone', (prompts) => !('a' in prompts))
    })
  })
})

test('FLUSHALL alone is seen by the poll', async () => {
  await withRedis(redisOptions(server.url, { watch: POLL }), async (stores) => {
    await stores.scheduledJobs.save(job('a'))
    await using watching = new Watching(stores.scheduledJobs)
    await watching.synced()
    await withClient(server.url, (client) => client.flushall())
    await watching.until('nothing left', (prompts) => Object.keys(prompts).length === 0)
  })
})

test('two databases of one server do not hear each other', async () => {
  const urls = [`${server.url}/1`, `${server.url}/2`] as const
  await withRedis(redisOptions(urls[0], { watch: HINTS }), async (one) => {
    await withRedis(redisOptions(urls[1], { watch: HINTS }), async (two) => {
      await using first = new Watching(one.scheduledJobs)
      await using second = new Watching(two.scheduledJobs)
      await Promise.all([heard(first, urls[0], 1), heard(second, urls[1], 2)])
      await withClient(server.url, async (client) => {
        const commands: string[] = []
        const monitor = await client.monitor()
        monitor.on('monitor', (_time: string, args: string[], _source: string, db: string) => {
          commands.push(`${db} ${args[0]}`.toLowerCase())
        })
        await one.scheduledJobs.save(job('one'))
        await first.until('the save', (prompts) => 'one' in prompts)
        await two.scheduledJobs.save(job('two'))
        await second.until('the save', (prompts) => 'two' in prompts)
        monitor.disconnect()
        const before = commands.slice(0, commands.indexOf('2 evalsha'))
        expect(before.filter((command) => command.startsWith('2 '))).toEqual([])
      })
      expect([Object.keys(first.prompts), Object.keys(second.prompts)]).toEqual([['one'], ['two']])
    })
  })
})

test('a run is no change', async () => {
  await withRedis(redisOptions(server.url, { watch: HINTS }), async (stores) => {
    const { scheduledJobs, jobRuns } = stores
    const stored = await scheduledJobs.save(job('a'))
    await using watching = new Watching(scheduledJobs)
    await heard(watching)
    const generation = await withClient(server.url, (client) => client.get('infer:generation'))
    const claim = {
      owner: 'd',
      host: 'h',
      token: 't',
      jobId: 'a',
      revision: stored.revision,
      trigger: 'manual' as const,
    }
    const result = await jobRuns.claim({ ...claim, scheduledFor: new Date(0) })
    if (!result.claimed) throw new Error(result.refusal)
    await jobRuns.start(result.run.id, 1, { pid: 1, host: 'h' })
    await jobRuns.finish(result.run.id, 1, { state: 'succeeded' })
    expect(await withClient(server.url, (client) => client.get('infer:generation'))).toBe(generation)
  })
})

test('a closed store ends its watches, and nothing of them is left on the server', async () => {
  const stores = await openRedis(redisOptions(server.url, { watch: HINTS }))
  const watching = new Watching(stores.scheduledJobs)
  await heard(watching)
  await stores[Symbol.asyncDispose]()
  await watching[Symbol.asyncDispose]()
  await withClient(server.url, (client) =>
    waitFor('no subscriber', async () => Number(await client.pubsub('NUMPAT')) === 0),
  )
  await expect(stores.health()).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
})
