import type { Stores } from '#storage/contract/stores.ts'
import { Child } from './child.ts'
import type { AppendInput, AppendTimes } from './children/append.ts'
import { type Figure, type Row, ratioRow } from './figure.ts'
import { inTurn, median } from './measure.ts'
import { DURABLE, type Durable, makePlace } from './places.ts'
import { details, entries, entry } from './samples.ts'

const LONG = 10_000
const SHORT = 10
const LIMIT = 1.2
const ROUNDS = 40
const PAIRS = 8
const CHILDREN = 3
const OPENS = 5

/** Appends per measurement: one of memory is too short for the clock. */
const BATCH = { memory: 50, jsonl: 2, sqlite: 3, postgres: 2, redis: 5 } as const

/**
 * Appending costs the new entries only. Here the yardstick is our own append to a short conversation:
 *
 * - `append`: one process appends to both in turn. Each round makes a new short conversation, so that it stays short.
 * - `append, just opened`: new processes open the store, append to some other conversation (so that code is loaded and
 *   the connection stands), and then append once to each of a few pairs that this store has not touched. Each process
 *   does so several times, with a store opened anew.
 */
export const appendLength: Figure = {
  name: 'append-length',
  description: `append one entry to a conversation of ${LONG.toLocaleString('en')} against one of ${SHORT}`,
  target: `at most ${LIMIT}x on each backend, also in a process that has just opened it`,
  async run() {
    const rows: Row[] = []
    for (const type of ['memory', ...DURABLE] as const) {
      await using place = await makePlace(type)
      rows.push(await inOneProcess(await place.open(), type))
    }
    for (const type of DURABLE) rows.push(await justOpened(type))
    return rows
  },
}

async function inOneProcess(stores: Stores, backend: keyof typeof BATCH): Promise<Row> {
  const batch = BATCH[backend]
  let length = LONG
  await create(stores, 'long', LONG)
  const append = async (id: string, at: number) =>
    await stores.conversations.append(id, { expectedLength: at, entries: [entry(at)], metadata: details(at) })
  const { ours, yardstick } = await inTurn(ROUNDS, {
    async before(round) {
      await create(stores, `short-${round}`, SHORT)
    },
    async ours() {
      for (let i = 0; i < batch; i++) await append('long', length++)
    },
    async yardstick(round) {
      for (let i = 0; i < batch; i++) await append(`short-${round}`, SHORT + i)
    },
  })
  return ratioRow({ what: 'append', backend, ours: ours / batch, yardstick: yardstick / batch }, LIMIT)
}

async function justOpened(backend: Durable): Promise<Row> {
  await using place = await makePlace(backend)
  const stores = await place.open()
  const pairs = Array.from({ length: PAIRS }, (_, index) => ({ long: `${index}-long`, short: `${index}-short` }))
  for (const { long, short } of pairs) {
    await create(stores, long, LONG)
    await create(stores, short, SHORT)
  }
  const long: number[] = []
  const short: number[] = []
  for (let child = 0; child < CHILDREN; child++) {
    const known = pairs.map((pair) => ({
      long: { id: pair.long, length: LONG + child * OPENS },
      short: { id: pair.short, length: SHORT + child * OPENS },
    }))
    await using process = new Child('append', {
      options: place.options,
      opens: OPENS,
      pairs: known,
    } satisfies AppendInput)
    const times = await process.next<AppendTimes>()
    long.push(...times.long)
    short.push(...times.short)
  }
  return ratioRow({ what: 'append, just opened', backend, ours: median(long), yardstick: median(short) }, LIMIT)
}

async function create(stores: Stores, id: string, length: number): Promise<void> {
  await stores.conversations.append(id, { expectedLength: 0, entries: entries(length), metadata: details(length) })
}
