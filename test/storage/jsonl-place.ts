import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Stores } from '#storage/contract/stores.ts'
import { openJsonl } from '#storage/jsonl/open.ts'
import type { JsonlOptions } from '#storage/options.ts'
import { testDirectory } from '../support/backends.ts'

/** Options of the files backend in a new directory: project in `work`, home in `home`. */
export function jsonlPlace(changes: Partial<JsonlOptions> = {}): JsonlOptions & { root: string } {
  const root = testDirectory()
  return {
    root,
    type: 'jsonl',
    warn: () => {},
    conversationsDir: join(root, 'work/.infer/conversations'),
    sessionGroupsFile: join(root, 'work/.infer/session_groups.json'),
    plansDir: join(root, 'work/.infer/plans'),
    historyFile: join(root, 'work/.infer/history'),
    schedulesDir: join(root, 'home/.infer/schedules'),
    runsDir: join(root, 'home/.infer/runs'),
    ...changes,
  }
}

/** The same with what the Go CLI left there. */
export function goPlace(release: 'seed' | 'later'): JsonlOptions & { root: string } {
  const place = jsonlPlace()
  const fixtures = fileURLToPath(new URL(`../fixtures/go-cli/${release}`, import.meta.url))
  for (const part of ['work', 'home']) cpSync(join(fixtures, part), join(place.root, part), { recursive: true })
  return place
}

/** Opens, and closes whatever happens. */
export async function withFiles<T>(options: JsonlOptions, use: (stores: Stores) => Promise<T>): Promise<T> {
  await using stores = await openJsonl(options)
  return await use(stores)
}

/** Makes the directory of definitions, as a person would. */
export function makeSchedules(options: JsonlOptions): string {
  mkdirSync(options.schedulesDir, { recursive: true })
  return options.schedulesDir
}
