import { describe, expect, it } from 'vitest'
import { type HeadlessOptions, runHeadless } from '#agent/headless.ts'
import { redactor } from '#agent/redact.ts'
import { Titles } from '#agent/titles.ts'
import { failedStatus } from '#gateway/gateway-error.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { errandModel } from './errand-model.ts'
import { headlessOptions, memoryStores } from './headless-options.ts'
import { calls, hangs, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

const TITLES = { enabled: true, model: '', systemPrompt: '' }
const ID = 'mine'
const MINUTE = 60_000

async function run(stores: Stores, client: HeadlessOptions['client'], more: Partial<HeadlessOptions> = {}) {
  return await runHeadless(headlessOptions({ stores, client, sessionId: ID, titles: new Titles(TITLES), ...more }))
}

const titleOf = async (stores: Stores, id = ID) => {
  const { title, titleGenerated } = (await stores.conversations.load(id)).metadata
  return { title, titleGenerated }
}

describe('the title of a conversation', () => {
  it('is found by the model after the first answer, once', async () => {
    const stores = memoryStores()
    const client = errandModel(() => says('**"Doing it."**\n\nmore'), [says('ok'), says('ok')])
    await run(stores, client)
    expect(await titleOf(stores)).toEqual({ title: 'Doing it', titleGenerated: true })
    await run(stores, client)
    expect(client.errands).toHaveLength(1)
    expect(client.errands[0]?.messages[1]?.content).toBe('user:\ndo it\n\nassistant:\nok')
    expect((await stores.conversations.load(ID)).entries).toHaveLength(4)
  })

  it('is found while the run goes on, and takes nothing from what is stored meanwhile', async () => {
    const stores = memoryStores()
    const titled = Promise.withResolvers<void>()
    const tool = testTool(async () => {
      await titled.promise
      return { data: 1 }
    })
    const client = errandModel(
      async function* () {
        yield* says('A title')
        setImmediate(titled.resolve)
      },
      [[{ type: 'content', text: 'I look' }, ...calls(['Test', {}])], says('done')],
    )
    const { error } = await run(stores, client, { tools: () => [tool] })
    expect(error).toBeUndefined()
    const { entries, metadata } = await stores.conversations.load(ID)
    expect(entries).toHaveLength(4)
    expect(metadata).toMatchObject({ title: 'A title', tokenStats: { requestCount: 2 } })
  })

  it('is asked for with the model and the prompt of the configuration, without tools', async () => {
    const stores = memoryStores()
    const titles = new Titles({ enabled: true, model: 'small/model', systemPrompt: 'Three words.' })
    const client = errandModel(() => says('A title'), [says('ok')])
    await run(stores, client, { titles })
    expect(client.errands[0]).toMatchObject({ model: 'small/model', purpose: 'title', tools: [] })
    expect(client.errands[0]?.messages[0]?.content).toBe('Three words.')
  })

  it('stays the provisional one when the model fails or says nothing, and the run is none the worse', async () => {
    const stores = memoryStores()
    const fails = errandModel(() => {
      throw failedStatus('http://gateway', 500, '')
    }, [says('ok')])
    expect((await run(stores, fails)).error).toBeUndefined()
    expect(
      (
        await run(
          stores,
          errandModel(() => says('…'), [says('ok')]),
        )
      ).error,
    ).toBeUndefined()
    expect(await titleOf(stores)).toEqual({ title: 'do it', titleGenerated: false })
    expect((await stores.conversations.listNeedingTitles(0)).map(({ id }) => id)).toEqual([ID])
  })

  it('is given up when the model does not come to an end, or the run fails', async () => {
    const stores = memoryStores()
    const client = errandModel((request) => hangs('A tit')(request), [says('ok')])
    const patient = new Titles(TITLES)
    const impatient: typeof patient = Object.create(patient, {
      settle: { value: async () => await patient.settle(1, stores.conversations, new Date()) },
      offer: { value: patient.offer.bind(patient) },
    })
    expect((await run(stores, client, { titles: impatient })).error).toBeUndefined()
    expect(client.errands[0]?.signal.aborted).toBe(true)
    expect(await titleOf(stores)).toMatchObject({ titleGenerated: false })
    const failing = errandModel(
      (request) => hangs('A tit')(request),
      [[{ type: 'content', text: 'I look' }, ...calls(['Test', {}])]],
    )
    expect((await run(stores, failing)).error).toBeDefined()
    expect(failing.errands[0]?.signal.aborted).toBe(true)
  })

  it('never replaces one that was set elsewhere', async () => {
    const stores = memoryStores()
    const client = errandModel(
      async function* () {
        await stores.conversations.updateMetadata(ID, { title: 'Mine' })
        yield* says('A title')
      },
      [says('ok'), says('ok')],
    )
    await run(stores, client)
    expect(await titleOf(stores)).toEqual({ title: 'Mine', titleGenerated: false })
  })

  it('holds no secret', async () => {
    const stores = memoryStores()
    const client = errandModel(() => says('The key s3cret-key'), [says('ok')])
    await run(stores, client, { redact: redactor(['s3cret-key']) })
    expect(await titleOf(stores)).toMatchObject({ title: 'The key' })
  })

  it('is not asked for when it is switched off or nothing is stored', async () => {
    const stores = memoryStores()
    const client = errandModel(() => says('A title'), [says('ok'), says('ok')])
    await run(stores, client, { titles: new Titles({ ...TITLES, enabled: false }) })
    await run(stores, client, { save: false })
    expect(client.errands).toEqual([])
  })

  it('is made up for by a later run, for one conversation that has rested and has the provisional title', async () => {
    const stores = memoryStores()
    const at = Date.parse('2026-11-23T10:00:00Z')
    const began = (minutes: number) => ({
      now: () => new Date(at + minutes * MINUTE),
      titles: new Titles({ ...TITLES, enabled: false }),
    })
    for (const [id, minutes] of [
      ['old', -60 * 24 * 8],
      ['named', -31],
      ['rested', -30],
      ['other', -40],
      ['busy', -1],
    ] as const) {
      await run(
        stores,
        errandModel(() => [], [says('ok')]),
        { ...began(minutes), sessionId: id },
      )
    }
    await stores.conversations.updateMetadata('named', { title: 'Mine' })
    const client = errandModel(() => says('A title'), [says('ok')])
    await run(stores, client, { now: () => new Date(at) })
    const titles = Object.fromEntries(
      await Promise.all(
        ['old', 'named', 'rested', 'other', 'busy', ID].map(async (id) => [id, (await titleOf(stores, id)).title]),
      ),
    )
    expect(titles).toEqual({
      old: 'do it',
      named: 'Mine',
      rested: 'A title',
      other: 'do it',
      busy: 'do it',
      [ID]: 'A title',
    })
  })
})
