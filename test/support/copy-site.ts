import { loadSettings } from '#config/load.ts'
import { storageOptions } from '#config/storage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { PostgresOptions, RedisOptions, StorageType } from '#storage/options.ts'
import { makeBackend } from './backends.ts'
import { type CliPlace, cliEnvironment, cliPlace } from './cli.ts'

/** A place whose settings name all four durable backends, each empty and its own. */
export interface CopySite extends AsyncDisposable {
  readonly place: CliPlace
  readonly env: NodeJS.ProcessEnv
  /** As the command opens it. */
  open(type: StorageType): Promise<Stores>
}

export async function makeCopySite(changes: NodeJS.ProcessEnv = {}): Promise<CopySite> {
  const backends = await Promise.all([makeBackend('postgres'), makeBackend('redis')])
  const [postgres, redis] = backends.map((backend) => (backend.options() as PostgresOptions | RedisOptions).url)
  const env = { INFER_STORAGE_POSTGRES_URL: postgres, INFER_STORAGE_REDIS_URL: redis, ...changes }
  const place = cliPlace(env)
  const opened: Stores[] = []
  return {
    place,
    env: cliEnvironment(place.home, env),
    async open(type) {
      const { settings, configDir } = await loadSettings({ cwd: place.cwd, home: place.home, env })
      const at = { cwd: place.cwd, home: place.home, configDir, warn: () => {} }
      const stores = await openStores(storageOptions({ ...settings, storage: { ...settings.storage, type } }, at))
      opened.push(stores)
      return stores
    },
    async [Symbol.asyncDispose]() {
      for (const stores of opened) await stores[Symbol.asyncDispose]()
      for (const backend of backends) await backend[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}
