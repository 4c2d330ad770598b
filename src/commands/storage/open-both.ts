import { InferError } from '#errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { StorageOptions, StorageType } from '#storage/options.ts'

/** Connections of each side: enough that reading and writing overlap. */
const POOL_SIZE = 4

/** Refuses what cannot be copied or compared: E_USAGE. */
export function checkTypes(from: StorageType, to: StorageType | undefined): void {
  if (from === 'memory' || to === 'memory') {
    throw new InferError('E_USAGE', 'memory holds nothing beyond one process, so there is nothing to read or keep', {
      hint: 'name two of jsonl, sqlite, postgres and redis',
    })
  }
  if (from === to) {
    throw new InferError('E_USAGE', `--from and --to are both ${from}`, {
      hint: 'a configuration has one place for each backend: name two different ones',
    })
  }
}

export type OptionsOf = (type: StorageType) => Promise<StorageOptions>

/** Opens a side; with `readOnly` nothing is made or migrated. */
export async function openSide(optionsOf: OptionsOf, type: StorageType, readOnly: boolean): Promise<Stores> {
  return await openStores({ ...(await optionsOf(type)), poolSize: POOL_SIZE, readOnly } as StorageOptions)
}

/** Opens a target that is only looked at: one that was never made counts as empty. */
export async function openEmptyOrReal(optionsOf: OptionsOf, type: StorageType): Promise<Stores> {
  try {
    return await openSide(optionsOf, type, true)
  } catch (error) {
    const fresh = error instanceof StorageError && /there is no database|has version 0,/.test(error.message)
    if (!fresh) throw error
    return await openStores({ type: 'memory', warn: () => {} })
  }
}
