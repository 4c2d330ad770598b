/** Copies many conversations between two new SQLite files, within whatever heap this process was given. */
import { join } from 'node:path'
import { openStores } from '#storage/index.ts'
import { copyStores } from '#storage/transfer/copy.ts'
import { details, entry } from '../storage/conformance/samples.ts'

const [directory = '', count = '0'] = process.argv.slice(2)
const warn = () => {}
await using from = await openStores({ type: 'sqlite', path: join(directory, 'from.db'), warn })
await using to = await openStores({ type: 'sqlite', path: join(directory, 'to.db'), warn })
const text = 'x'.repeat(1_250)
for (let n = 0; n < Number(count); n += 500) {
  const batch = Array.from({ length: 500 }, (_, index) => ({
    metadata: { ...details(), id: `conversation-${n + index}`, messageCount: 4 },
    entries: [0, 1, 2, 3].map((one) => entry(`${n + index} ${one} ${text}`)),
  }))
  await from.conversations.createAll(batch)
}
const signal = new AbortController().signal
const { verified, problems } = await copyStores(from, to, { dryRun: false, signal, progress: () => {} })
const { from: a, to: b } = verified.find(({ domain }) => domain === 'conversations') ?? {}
process.stdout.write(JSON.stringify({ count: b?.count, equal: a?.sha256 === b?.sha256, problems: problems.length }))
