import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stores } from '#storage/contract/stores.ts'
import { Child } from './child.ts'
import { type Figure, timeRow } from './figure.ts'
import { median, timed } from './measure.ts'
import { makePlace } from './places.ts'
import { details, entries } from './samples.ts'

const COUNT = 10_000
const LIMIT_MS = 10
const CALLS = 31
const CHILDREN = 5
/** Entries of each conversation, and ms between the last changes of two. */
const ENTRIES = 6
const STEP_MS = 60_000

/**
 * Conversations as the store writes them: one is made by it, the others are its text with another id and other
 * times. Four cases, as an index of the files may be of use or not: nothing changed since the last list, or one
 * conversation was made; in a process that lists again and again, or as the first list of a new one.
 */
export const listConversations: Figure = {
  name: 'list-conversations',
  description: `list 20 of ${COUNT.toLocaleString('en')} conversations in files`,
  target: `at most ${LIMIT_MS} ms, warm and as the first call of a process`,
  async run() {
    await using place = await makePlace('jsonl')
    const stores = await place.open()
    await create(stores, 0)
    writeOthers(place.options.conversationsDir)
    let count = COUNT
    const another = async () => await create(stores, count++)
    const list = async () => await stores.conversations.list({ limit: 20, offset: 0 })
    const first = async () => {
      await using child = new Child('list', place.options)
      return await child.next<number>()
    }
    const { conversations } = await list()
    if (conversations[0]?.id !== `conversation-${COUNT - 1}`) throw new Error('the newest conversation is not first')
    const row = async (what: string, times: number, call: () => Promise<number>, before?: () => Promise<void>) => {
      const measured: number[] = []
      for (let n = 0; n < times; n++) {
        await before?.()
        measured.push(await call())
      }
      return timeRow({ what, backend: 'jsonl', ours: median(measured) }, LIMIT_MS)
    }
    return [
      await row('list 20', CALLS, () => timed(list)),
      await row('list 20, first call', CHILDREN, first),
      await row('list 20, one is new', CALLS, () => timed(list), another),
      await row('list 20, one is new, first call', CHILDREN, first, another),
    ]
  },
}

async function create(stores: Stores, number: number): Promise<void> {
  const write = { expectedLength: 0, entries: entries(ENTRIES), metadata: details(number * STEP_MS) }
  await stores.conversations.append(`conversation-${number}`, write)
}

function writeOthers(directory: string): void {
  const text = readFileSync(join(directory, 'conversation-0.jsonl'), 'utf8')
  const changedAt = (n: number) => details(n * STEP_MS).updatedAt
  for (let n = 1; n < COUNT; n++) {
    const path = join(directory, `conversation-${n}.jsonl`)
    const updated = text
      .replaceAll('conversation-0', `conversation-${n}`)
      .replaceAll(`"updated_at":"${changedAt(0).toISOString()}"`, `"updated_at":"${changedAt(n).toISOString()}"`)
    writeFileSync(path, updated, { mode: 0o600 })
    utimesSync(path, changedAt(n), changedAt(n))
  }
}
