/**
 * Another process that imports, for tests. The first line on stdin says where, into what, and at which step it kills
 * itself (from 1, 0 for never). Says `ready` once the stores are open, begins at the next line, and says how many steps
 * it took.
 */
import { createInterface } from 'node:readline'
import { openStores } from '#storage/index.ts'
import type { StorageOptions } from '#storage/options.ts'
import { type ImportPlaces, migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'

export interface ImportChildInput {
  readonly places: ImportPlaces
  readonly storage: Omit<StorageOptions, 'warn'>
  readonly killAt: number
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { places, storage: plain, killAt } = JSON.parse((await lines.next()).value ?? '{}') as ImportChildInput
const storage = { ...plain, warn: () => {} } as StorageOptions
{
  await using stores = await openStores(storage)
  say({ ready: true })
  await lines.next()
  let steps = 0
  const onStep = () => {
    steps += 1
    if (steps === killAt) process.kill(process.pid, 'SIGKILL')
  }
  await migrateLegacyArtifacts({ places, storage }, stores, { onStep })
  say({ steps })
}
process.stdin.destroy()

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
