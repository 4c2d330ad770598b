import { closeSync, openSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'
import { describeImportKills } from '../faults/import-kills.ts'
import { DATABASES, oldPlace } from '../storage/transfer/import-places.ts'
import { makeBackend } from '../support/backends.ts'

const seed = Number(process.env.INFER_TEST_SEED ?? Date.now() % 1e9)
for (const type of DATABASES) describeImportKills(type, { moments: 200, seed })

const MIB = 2 ** 20

test.each(DATABASES)('a history of 200 MB comes into %s without being held in memory', async (type) => {
  await using backend = await makeBackend(type)
  const place = oldPlace()
  const fd = openSync(place.history, 'w')
  const line = (n: number) => `${n} ${'x'.repeat(990)}`
  const count = 200_000
  for (let first = 0; first < count; first += 1_000) {
    writeSync(fd, Array.from({ length: 1_000 }, (_, n) => `${line(first + n)}\n`).join(''))
  }
  closeSync(fd)
  const stores = await backend.open()
  let most = 0
  const before = process.memoryUsage().rss
  const onStep = () => {
    most = Math.max(most, process.memoryUsage().rss)
  }
  await migrateLegacyArtifacts(place.options(backend.options()), stores, { onStep })
  expect((most - before) / MIB).toBeLessThan(150)
  expect(await stores.shellHistory.load(2)).toEqual([line(count - 2), line(count - 1)])
})
