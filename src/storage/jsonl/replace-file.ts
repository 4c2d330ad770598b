import { randomBytes } from 'node:crypto'
import {
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ensureDirectory } from '#infer-dir.ts'
import { codeOf, ioError, isMissing, statOf } from './io-error.ts'
import { syncDirectory, syncDirectoryNow, syncFile } from './sync.ts'

/**
 * Whole-file writes that are never half done: a complete temporary file `.<name>.<random>.tmp` in the same directory,
 * synced, then moved (`replaceFile`) or linked (`createFile`) to its place. Files are 0600, directories 0700.
 */

/** Random once, counted from there: a random number for each file takes longer than making the file. */
const PROCESS = randomBytes(9).toString('hex')
let made = 0

/** A text that no process has used before. */
export function unique(): string {
  made += 1
  return `${PROCESS}-${made.toString(36)}`
}

/** Age in ms from which a temporary file has no writer any more. */
export const ORPHAN_MS = 60 * 60 * 1_000

/** A complete, synced file that has no place yet. */
export interface PreparedFile {
  readonly path: string
  /** Moves it to its place, over what is there. To survive a power loss the directory must be synced then. */
  commit(): void
  /** Links it to its place; false when something is there. The directory must be synced then. */
  commitNew(): boolean
  /** Removes it; nothing happens when it has its place. */
  discard(): void
}

/** Writes the temporary file. Throws E_FULL or E_UNAVAILABLE and then leaves nothing behind. */
export async function prepareFile(
  path: string,
  content: string | Uint8Array,
  { makesDirectory = true, mtime }: { makesDirectory?: boolean; mtime?: Date } = {},
): Promise<PreparedFile> {
  const temporary = await writeTemporary(path, content, makesDirectory)
  if (mtime) utimesSync(temporary, mtime, mtime)
  return prepared(path, temporary)
}

/** Many of them, by path. They are synced side by side. All, or an error. */
export async function prepareFiles(contents: ReadonlyMap<string, string>): Promise<PreparedFile[]> {
  const outcomes = await Promise.allSettled([...contents].map(([path, content]) => prepareFile(path, content)))
  const files = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (!failed) return files
  for (const file of files) file.discard()
  throw failed.reason
}

async function writeTemporary(path: string, content: string | Uint8Array, makesDirectory: boolean): Promise<string> {
  const directory = dirname(path)
  const temporary = `${directory}/.${basename(path)}.${unique()}.tmp`
  try {
    const fd = openTemporary(temporary, directory, makesDirectory)
    try {
      writeAll(fd, content)
      await syncFile(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    removeQuietly(temporary)
    throw ioError(error, path, 'write')
  }
  return temporary
}

function prepared(path: string, temporary: string): PreparedFile {
  let gone = false
  const discard = () => {
    if (!gone) removeQuietly(temporary)
    gone = true
  }
  return {
    path,
    discard,
    commit() {
      try {
        renameSync(temporary, path)
        gone = true
      } catch (error) {
        discard()
        throw ioError(error, path, 'write')
      }
    },
    commitNew() {
      try {
        return linkOnce(temporary, path)
      } catch (error) {
        throw ioError(error, path, 'write')
      } finally {
        discard()
      }
    },
  }
}

/** Waits for two; when one fails the other is discarded. */
export async function both<A extends { discard(): void }, B extends { discard(): void }>(
  first: Promise<A> | undefined,
  second: Promise<B> | undefined,
): Promise<[A | undefined, B | undefined]> {
  const [a, b] = await Promise.allSettled([first, second])
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value]
  if (a.status === 'fulfilled') a.value?.discard()
  if (b.status === 'fulfilled') b.value?.discard()
  throw a.status === 'rejected' ? a.reason : (b as PromiseRejectedResult).reason
}

/** Replaces a file by a complete one; on any error the old one is untouched. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const file = await prepareFile(path, content)
  file.commit()
  await syncDirectory(dirname(path))
}

/** Creates a file that is complete from its first moment; false when the name is taken. */
export async function createFile(
  path: string,
  content: string | Uint8Array,
  options: { mtime?: Date } = {},
): Promise<boolean> {
  const file = await prepareFile(path, content, options)
  if (!file.commitNew()) return false
  await syncDirectory(dirname(path))
  return true
}

/** False when it was not there. Durable. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    unlinkSync(path)
  } catch (error) {
    if (isMissing(error)) return false
    throw ioError(error, path, 'delete')
  }
  await syncDirectory(dirname(path))
  return true
}

/** For what may stay without harm, and after an error, which is what counts then. */
export function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It is gone already, or cannot be removed.
  }
}

/** Writes everything, or throws; a write that comes up short without an error is an ENOSPC. Returns the bytes. */
export function writeAll(fd: number, content: string | Uint8Array): number {
  let written = 0
  if (typeof content === 'string') {
    // Almost always all of it is written at once, and then it need not be copied.
    written = writeSync(fd, content)
    if (written === Buffer.byteLength(content)) return written
  }
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  while (written < bytes.length) {
    const count = writeSync(fd, bytes, written)
    if (count === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' })
    written += count
  }
  return written
}

/**
 * The names in a directory; empty when there is none. What killed writers left is swept out, unless `readOnly`.
 */
export function filesOf(directory: string, readOnly = false): string[] {
  try {
    const files = readdirSync(directory)
    if (!readOnly) sweepTemporaries(directory, files)
    return files
  } catch (error) {
    if (isMissing(error)) return []
    throw ioError(error, directory, 'list')
  }
}

/** Removes temporary files whose writer was killed: those of the given names that are older than an hour. */
export function sweepTemporaries(directory: string, names: readonly string[]): void {
  for (const name of names) {
    if (!name.startsWith('.') || !name.endsWith('.tmp')) continue
    const path = join(directory, name)
    const stats = statOf(path)
    if (stats && Date.now() - Number(stats.mtimeMs) > ORPHAN_MS) removeQuietly(path)
  }
}

/** Like `ensureDirectory`, with errors that name the path, and durable: also those above it that it makes. */
export function makeDirectory(directory: string): void {
  if (statOf(directory)?.isDirectory()) return
  const above = [dirname(directory)]
  for (let [path = '/'] = above; !statOf(path); above.push(path)) path = dirname(path)
  try {
    ensureDirectory(directory)
    for (const path of above) syncDirectoryNow(path)
  } catch (error) {
    throw ioError(error, directory, 'write')
  }
}

function openTemporary(temporary: string, directory: string, makesDirectory: boolean): number {
  try {
    return openSync(temporary, 'wx', 0o600)
  } catch (error) {
    if (!isMissing(error) || !makesDirectory) throw error
    makeDirectory(directory)
    return openSync(temporary, 'wx', 0o600)
  }
}

/** link(2); after an error other than EEXIST, and even after EEXIST, a link count of 2 says that it was done. */
function linkOnce(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path)
    return true
  } catch (error) {
    if (statSync(temporary, { throwIfNoEntry: false })?.nlink === 2) return true
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}
