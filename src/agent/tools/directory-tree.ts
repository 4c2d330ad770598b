import { lstat, readdir, rmdir, unlink } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { HeldDirectory } from './held-directory.ts'

export interface Entry {
  /** Path from the directory that was asked for, with slashes; '' is the thing itself. */
  readonly way: string
  readonly kind: 'file' | 'link' | 'directory' | 'other'
  /** Bytes; 0 for all but files. */
  readonly size: bigint
  /** Another one when it was replaced or written to. */
  readonly mark: string
}

/** What has that name in the directory, a symlink for itself; undefined when there is nothing. */
export async function entryAt(directory: HeldDirectory, name: string, way: string): Promise<Entry | undefined> {
  const found = await lstat(directory.at(name), { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return undefined
  const mark = `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`
  if (found.isDirectory()) return { way, kind: 'directory', size: 0n, mark }
  if (found.isSymbolicLink()) return { way, kind: 'link', size: 0n, mark }
  return found.isFile() ? { way, kind: 'file', size: found.size, mark } : { way, kind: 'other', size: 0n, mark }
}

/**
 * Everything below a directory, a directory before what is in it, by name; symlinks are not followed. `visit` is called
 * with each entry's path and may throw to end it.
 */
export async function entriesBelow(
  directory: HeldDirectory,
  visit: (way: string) => void,
  above = '',
): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const name of (await readdir(directory.at(''))).sort()) {
    const way = `${above}${name}`
    visit(way)
    const entry = await entryAt(directory, name, way)
    if (entry === undefined) continue
    entries.push(entry)
    if (entry.kind !== 'directory') continue
    await using child = await directory.child(name)
    for (const below of await entriesBelow(child, visit, `${way}/`)) entries.push(below)
  }
  return entries
}

/**
 * Removes the entries that `entriesBelow` gave, and nothing else: what appeared since stays, and fails the call with
 * ENOTEMPTY. No symlink is followed on the way.
 */
export async function removeBelow(
  directory: HeldDirectory,
  entries: readonly Entry[],
  signal: AbortSignal,
): Promise<void> {
  for (const { way, kind } of entries.toReversed()) {
    signal.throwIfAborted()
    await using parent = await descend(directory, dirname(way))
    await (kind === 'directory' ? rmdir : unlink)(parent.at(basename(way)))
  }
}

async function descend(directory: HeldDirectory, way: string): Promise<HeldDirectory> {
  let here = await directory.child('.')
  for (const name of way.split('/')) {
    if (name === '.') continue
    await using above = here
    here = await above.child(name)
  }
  return here
}
