import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { StorageOptions } from '#storage/options.ts'
import { resolvePath } from './paths.ts'
import type { Settings, StorageSettings } from './schema.ts'

/** What resolving paths needs to know besides the settings; all absolute. */
export interface StoragePlaces {
  readonly cwd: string
  readonly home: string
  readonly configDir: string
  readonly warn: (message: string) => void
}

/**
 * The options of the configured backend with every path resolved.
 *
 * jsonl: conversations and history belong to the working directory, plans to configDir, schedules to the user. sqlite:
 * a relative path is below the parent of configDir; a database in the working directory instead is named in a warning.
 */
export function storageOptions(settings: StorageNeeds, at: StoragePlaces): StorageOptions {
  const { storage } = settings
  const { warn } = at
  if (!storage.enabled) return { type: 'memory', warn }
  switch (storage.type) {
    case 'memory':
      return { type: 'memory', warn }
    case 'jsonl':
      return jsonlOptions(settings, at)
    case 'sqlite':
      return { type: 'sqlite', warn, path: databaseFile(storage.sqlite.path, at) }
    case 'postgres':
      return { type: 'postgres', warn, ...storage.postgres }
    case 'redis':
      return { type: 'redis', warn, ...storage.redis }
  }
}

/** The part of the settings that says where things are stored. */
export interface StorageNeeds {
  readonly storage: StorageSettings
  readonly tools: { readonly schedule: Pick<Settings['tools']['schedule'], 'storageDir'> }
}

function jsonlOptions({ storage, tools }: StorageNeeds, { cwd, home, configDir, warn }: StoragePlaces): StorageOptions {
  const conversationsDir = resolvePath(storage.jsonl.path, { base: cwd, home })
  const { storageDir } = tools.schedule
  const schedulesDir =
    storageDir === '' ? join(home, '.infer', 'schedules') : resolvePath(storageDir, { base: dirname(configDir), home })
  return {
    type: 'jsonl',
    warn,
    conversationsDir,
    sessionGroupsFile: join(dirname(conversationsDir), 'session_groups.json'),
    plansDir: join(configDir, 'plans'),
    historyFile: join(cwd, '.infer', 'history'),
    schedulesDir,
    runsDir: join(dirname(schedulesDir), 'runs'),
  }
}

function databaseFile(path: string, { cwd, home, configDir, warn }: StoragePlaces): string {
  const file = resolvePath(path, { base: dirname(configDir), home })
  const here = resolve(cwd, path)
  const relative = !path.startsWith('~') && resolve('/', path) !== path
  if (relative && here !== file && existsSync(here)) {
    warn(`the database ${here} is not used: storage.sqlite.path is relative to ${dirname(configDir)}, so ${file} is`)
  }
  return file
}
