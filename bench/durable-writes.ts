import type { Stores } from '#storage/contract/stores.ts'
import { type Figure, type Row, ratioRow } from './figure.ts'
import { inTurn } from './measure.ts'
import { DURABLE, type Durable, makePlace, type PlaceOptions } from './places.ts'
import { details, entries, entry, job } from './samples.ts'
import { jsonlYardstick } from './yardsticks/jsonl.ts'
import { postgresYardstick } from './yardsticks/postgres.ts'
import { redisYardstick } from './yardsticks/redis.ts'
import { sqliteYardstick } from './yardsticks/sqlite.ts'
import { CONVERSATION, CONVERSATION_LENGTH, TEMPLATE, type Yardstick } from './yardsticks/yardstick.ts'

const LIMIT = 1.5
const ROUNDS = 100
/** Enough that the code of both is compiled, and that the directories of a store in use are there. */
const WARM_UP_ROUNDS = 100
/** Writes per measurement: a single one is too short for the clock where nothing is synced. */
const BATCH = 4
/** Entries of some 300 bytes: more than the 1,000 pages of 4 KB at which SQLite begins its log again. */
const FILLER = 20_000

const YARDSTICKS: { [T in Durable]: (options: PlaceOptions[T]) => Yardstick | Promise<Yardstick> } = {
  jsonl: jsonlYardstick,
  sqlite: sqliteYardstick,
  postgres: postgresYardstick,
  redis: redisYardstick,
}

/**
 * Our writes against the fewest raw statements that do the same durable write; each file of `yardsticks/` says which
 * those are. Both write in turn to places of the same content: files and SQLite to one each, as two connections to one
 * SQLite file would empty each other's cache; PostgreSQL and Redis to two databases of one server.
 */
export const durableWrites: Figure = {
  name: 'durable-writes',
  description: 'conversation append, job save and history append against the fewest raw statements',
  target: `at most ${LIMIT}x`,
  async run() {
    const rows: Row[] = []
    for (const backend of DURABLE) rows.push(...(await compare(backend)))
    return rows
  },
}

async function compare<T extends Durable>(backend: T): Promise<Row[]> {
  await using place = await makePlace(backend)
  await using other = await makePlace(backend)
  const stores = await place.open()
  await fill(stores, 'ours')
  await fill(await other.open(), CONVERSATION)
  await using yardstick = await YARDSTICKS[backend](other.options)
  const rows: Row[] = []
  for (const [what, { ours, raw }] of Object.entries(writes(stores, yardstick))) {
    const work = {
      ours: (round: number) => repeat(round, ours),
      yardstick: (round: number) => repeat(round, raw),
    }
    const medians = await inTurn(ROUNDS, work, WARM_UP_ROUNDS)
    const each = { ours: medians.ours / BATCH, yardstick: medians.yardstick / BATCH }
    rows.push(ratioRow({ what, backend, ...each }, LIMIT))
  }
  return rows
}

/**
 * What the writes find: a conversation, a job, a line of history. And enough beside them to fill the log that SQLite
 * grows at first and writes over later, as growing costs more.
 */
async function fill(stores: Stores, conversation: string): Promise<void> {
  await stores.conversations.append('filler', { expectedLength: 0, entries: entries(FILLER), metadata: details(0) })
  const write = { expectedLength: 0, entries: entries(CONVERSATION_LENGTH - 1), metadata: details(0) }
  await stores.conversations.append(conversation, write)
  await stores.conversations.append(conversation, {
    expectedLength: CONVERSATION_LENGTH - 1,
    entries: [entry(CONVERSATION_LENGTH - 1)],
    metadata: details(CONVERSATION_LENGTH - 1),
  })
  await stores.scheduledJobs.save(job(TEMPLATE))
  await stores.shellHistory.append('infer plans list')
}

async function repeat(round: number, write: (n: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < BATCH; i++) await write(round * BATCH + i)
}

/** The writes in the order in which they are measured; `n` counts them from 0. */
function writes({ conversations, scheduledJobs, shellHistory }: Stores, yardstick: Yardstick) {
  const command = (n: number) => `git log --oneline -n ${n} -- src/parser`
  const prompt = (n: number) => `Summarise change ${n} of the repository, with the open questions at the end.`
  return {
    append: {
      ours: (n: number) => {
        const length = CONVERSATION_LENGTH + n
        const write = { expectedLength: length, entries: [entry(length)], metadata: details(length) }
        return conversations.append('ours', write)
      },
      raw: (n: number) => yardstick.append(CONVERSATION_LENGTH + n),
    },
    'save a new job': {
      ours: (n: number) => scheduledJobs.save(job(`ours-${n}`)),
      raw: (n: number) => yardstick.createJob(`raw-${n}`),
    },
    'save a changed job': {
      ours: (n: number) => scheduledJobs.save(job(`ours-${n}`, { prompt: prompt(n) })),
      raw: (n: number) => yardstick.changeJob(`raw-${n}`, prompt(n)),
    },
    'history append': {
      ours: (n: number) => shellHistory.append(command(n)),
      raw: (n: number) => yardstick.addCommand(command(n)),
    },
  }
}
