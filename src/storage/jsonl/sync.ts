import { closeSync, fsync, fsyncSync, openSync } from 'node:fs'
import { ioError } from './io-error.ts'

interface Waiting {
  readonly fd: number
  readonly settle: (error: unknown) => void
}

let waiting: Waiting[] = []
/** Directories among them: one sync is enough for all that ask at the same moment. */
const directories = new Map<string, Promise<void>>()
/** Syncs that threads have not ended yet. */
let inFlight = 0

/**
 * Makes what was written to a descriptor survive a power loss. One alone blocks the process for as long as the disk
 * takes, as SQLite does: the way through a thread costs more than a fast disk. Those that are asked for at the same
 * moment, or while others are under way, are synced side by side, which takes a fraction of the time.
 */
export async function syncFile(fd: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  waiting.push({ fd, settle: resolve })
  if (waiting.length === 1) setImmediate(syncWaiting)
  const error = await promise
  if (error) throw error
}

/** Makes names in a directory survive a power loss. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    let sync = directories.get(directory)
    if (!sync) {
      // Opened first: one that cannot be opened must not stay in the map, because no sync would take it out.
      sync = syncAndClose(openSync(directory, 'r'))
      directories.set(directory, sync)
    }
    await sync
  } catch (error) {
    throw ioError(error, directory, 'write')
  }
}

/** `syncDirectory` where nothing can be waited for. Throws what the system throws. */
export function syncDirectoryNow(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

async function syncAndClose(fd: number): Promise<void> {
  try {
    await syncFile(fd)
  } finally {
    closeSync(fd)
  }
}

function syncWaiting(): void {
  const all = waiting
  waiting = []
  // What is asked for from now on may concern names that these syncs do not see.
  directories.clear()
  const [first] = all
  if (first && all.length === 1 && inFlight === 0) {
    first.settle(syncNow(first.fd))
    return
  }
  inFlight += all.length
  for (const { fd, settle } of all) {
    fsync(fd, (error) => {
      inFlight -= 1
      settle(error)
    })
  }
}

function syncNow(fd: number): unknown {
  try {
    fsyncSync(fd)
    return undefined
  } catch (error) {
    return error
  }
}
