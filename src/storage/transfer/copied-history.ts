import { StorageError } from '#storage/contract/errors.ts'
import type { Found } from './import-records.ts'

/**
 * The keys of those lines of a history file that a copy from the files has brought to the target already: when one of
 * the two histories is how the other begins, the lines of the shorter one. Undefined when they differ before.
 */
export async function copiedHistory(
  found: AsyncIterable<Found>,
  history: () => Promise<readonly string[]>,
): Promise<ReadonlySet<string> | undefined> {
  const stored = await history()
  if (stored.length === 0) return undefined
  const keys = new Set<string>()
  try {
    for await (const one of found) {
      if (keys.size === stored.length) break
      const same = 'record' in one && one.record.kind === 'history' && one.record.command === stored[keys.size]
      if (!same) return undefined
      keys.add(one.record.key)
    }
  } catch (error) {
    // The import comes upon it too, and says so.
    if (error instanceof StorageError) return undefined
    throw error
  }
  return keys
}
