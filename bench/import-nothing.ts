import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'
import { type Figure, type Row, timeRow } from './figure.ts'
import { median, timed } from './measure.ts'
import { makeDirectory, makePlace } from './places.ts'

const LIMIT_MS = 15
const ROUNDS = 30

/** What every start pays: a look at the places, and at the database whether the Go CLI has something there. */
export const importNothing: Figure = {
  name: 'import-nothing',
  description: 'the import at a start where there is nothing to import',
  target: `at most ${LIMIT_MS} ms`,
  async run() {
    const rows: Row[] = []
    for (const backend of ['jsonl', 'sqlite', 'postgres', 'redis'] as const) {
      await using place = await makePlace(backend)
      const stores = await place.open()
      const root = makeDirectory()
      mkdirSync(join(root, '.infer'))
      const sources = [
        { kind: 'schedule', path: join(root, '.infer/schedules') },
        { kind: 'plan', path: join(root, '.infer/plans') },
        { kind: 'history', path: join(root, '.infer/history') },
      ] as const
      const storage = { ...place.options, warn: () => {} } as never
      const times: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        times.push(await timed(() => migrateLegacyArtifacts({ places: { sources }, storage }, stores)))
      }
      const ours = median(times)
      rows.push(
        timeRow({ what: 'nothing to import', backend, ours, note: `first ${times[0]?.toFixed(1)} ms` }, LIMIT_MS),
      )
    }
    return rows
  },
}
