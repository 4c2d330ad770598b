import type { StorageOptions } from '#storage/options.ts'

/**
 * A sentence when the files of the backend are on a network file system, where the locks of jsonl and sqlite are not
 * reliable: the daemon refuses them, agent and chat warn. Undefined when all is well.
 */
export async function networkStorage(options: StorageOptions): Promise<string | undefined> {
  const { networkFileSystem } = await import('#storage/jsonl/network-file-system.ts')
  for (const place of placesOf(options)) {
    const kind = await networkFileSystem(place)
    if (kind !== undefined) return `${place} is on a network file system (${kind}), where locks are not reliable`
  }
  return undefined
}

function placesOf(options: StorageOptions): string[] {
  if (options.type === 'jsonl') return [options.runsDir, options.schedulesDir, options.conversationsDir]
  return options.type === 'sqlite' ? [options.path] : []
}
