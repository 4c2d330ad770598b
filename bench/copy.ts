import pg from 'pg'
import type { Conversation } from '#storage/contract/conversations.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { copyStores } from '#storage/transfer/copy.ts'
import type { Figure, Row } from './figure.ts'
import { timed } from './measure.ts'
import { makePlace, openPlace, type PlaceOptions } from './places.ts'
import { details, entries } from './samples.ts'

const COUNT = 10_000
const ENTRIES = 10
const LIMIT_PER_SECOND = 1_000
/** Conversations in one raw insert. */
const BATCH = 250
/** As the command opens both sides. */
const POOL_SIZE = 4

/**
 * The command's copy of conversations from files to PostgreSQL: reading, parsing, writing, and then reading both sides
 * again to compare them. The yardstick writes the same texts from memory by multi-row inserts of the bare driver, a
 * commit for each, into tables of the same form; it neither reads files nor compares.
 */
export const copy: Figure = {
  name: 'copy',
  description: `copy ${COUNT.toLocaleString('en')} conversations of ${ENTRIES} entries from files to PostgreSQL`,
  target: `at least ${LIMIT_PER_SECOND.toLocaleString('en')} a second, the comparison included`,
  async run() {
    await using source = await makePlace('jsonl')
    await using target = await makePlace('postgres')
    const from = await source.open()
    await fill(from)
    await using to = await openPlace({ ...target.options, poolSize: POOL_SIZE })
    let written = 0
    const began = performance.now()
    let copied = 0
    const report = await copyStores(from, to, {
      dryRun: false,
      signal: new AbortController().signal,
      progress: ({ domain, verifying, done }) => {
        if (domain === 'conversations' && !verifying && done === COUNT) copied = performance.now() - began
        written = Math.max(written, done)
      },
    })
    const whole = performance.now() - began
    if (written !== COUNT || report.verified.some(({ from: a, to: b }) => a.sha256 !== b.sha256)) {
      throw new Error('the copy is not complete')
    }
    const raw = await bareInserts(target.options)
    return [row(copied, whole, raw)]
  },
}

/** The whole of it counts, the comparison included; what copying alone reaches stands in the note. */
function row(copied: number, whole: number, raw: number): Row {
  const rate = (spent: number) => Math.round((COUNT / spent) * 1_000)
  const target = `<= ${((COUNT / LIMIT_PER_SECOND) * 1_000).toLocaleString('en')} ms`
  const note = `${rate(whole).toLocaleString('en')} a second, without the comparison ${rate(copied).toLocaleString('en')}`
  const ok = rate(whole) >= LIMIT_PER_SECOND
  return { what: 'files to PostgreSQL', backend: 'postgres', unit: 'ms', ours: whole, yardstick: raw, target, ok, note }
}

async function fill({ conversations }: Stores): Promise<void> {
  for (let n = 0; n < COUNT; n += 500) {
    await conversations.createAll(Array.from({ length: 500 }, (_, index) => conversation(n + index)))
  }
}

function conversation(number: number): Omit<Conversation, 'damage'> {
  return {
    metadata: { ...details(number * 60_000), id: `conversation-${number}`, messageCount: ENTRIES },
    entries: entries(ENTRIES),
  }
}

/** In ms. */
async function bareInserts({ url }: PlaceOptions['postgres']): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`create schema raw
    create table conversations (like infer.conversations including all)
    create table conversation_entries (like infer.conversation_entries including all)`)
  const texts = entries(ENTRIES).map((entry) => JSON.stringify(entry))
  const metadata = JSON.stringify(details(0))
  const ms = await timed(async () => {
    for (let n = 0; n < COUNT; n += BATCH) {
      const ids = Array.from({ length: BATCH }, (_, index) => `conversation-${n + index}`)
      await client.query('begin')
      await client.query(
        `insert into raw.conversations select id, $2, now(), false, $3 from unnest($1::text[]) as c (id)`,
        [ids, ENTRIES, metadata],
      )
      await client.query(
        `insert into raw.conversation_entries select * from unnest($1::text[], $2::integer[], $3::text[])`,
        [
          ids.flatMap((id) => texts.map(() => id)),
          ids.flatMap(() => texts.map((_, seq) => seq)),
          ids.flatMap(() => texts),
        ],
      )
      await client.query('commit')
    }
  })
  await client.end()
  return ms
}
