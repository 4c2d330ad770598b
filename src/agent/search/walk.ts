import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { IgnoreRules } from './ignore-rules.ts'

export interface Entry {
  readonly name: string
  /** Absolute. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink'
}

export interface DirectoryOptions {
  /** Whether a real path may not be touched. */
  readonly isClosed: (real: string) => boolean
  readonly rules: IgnoreRules
  readonly signal: AbortSignal
}

/**
 * What is in a directory given by its real path, in the order of the characters' codes: no ignored and no closed
 * entries, no devices, sockets and pipes. Symlinks are named and never followed, so every path is a real one. A
 * directory that cannot be read is empty.
 */
export async function listDirectory(
  directory: string,
  { isClosed, rules, signal }: DirectoryOptions,
): Promise<Entry[]> {
  signal.throwIfAborted()
  const found = await readdir(directory, { withFileTypes: true }).catch(() => [])
  return found
    .flatMap((one): Entry[] => {
      const path = join(directory, one.name)
      const kind = one.isFile()
        ? 'file'
        : one.isDirectory()
          ? 'directory'
          : one.isSymbolicLink()
            ? 'symlink'
            : undefined
      if (kind === undefined || isClosed(path) || rules.ignores(path, kind === 'directory')) return []
      return [{ name: one.name, path, kind }]
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

export interface FoundFiles {
  /** Absolute, in the order of a walk. */
  readonly files: readonly string[]
  /** Files over `maxBytes`, which are left out. */
  readonly tooLarge: number
  /** Whether there were more than `maxFiles`. */
  readonly more: boolean
}

export interface FindOptions extends DirectoryOptions {
  readonly wanted: (path: string) => boolean
  readonly maxFiles: number
  readonly maxBytes: number
}

/** The regular files below a directory that are `wanted`. */
export async function findFiles(directory: string, options: FindOptions): Promise<FoundFiles> {
  const files: string[] = []
  let tooLarge = 0
  let more = false
  const visit = async (at: string, rules: IgnoreRules): Promise<void> => {
    const entries = await listDirectory(at, { ...options, rules })
    const sizes = await Promise.all(
      entries.map(async ({ kind, path }) => (kind === 'file' && options.wanted(path) ? await sizeOf(path) : undefined)),
    )
    for (const [index, { kind, path }] of entries.entries()) {
      if (more) return
      const size = sizes[index]
      if (kind === 'directory') await visit(path, await rules.inside(path))
      else if (size === undefined) continue
      else if (size > options.maxBytes) tooLarge += 1
      else if (files.length >= options.maxFiles) more = true
      else files.push(path)
    }
  }
  await visit(directory, options.rules)
  return { files, tooLarge, more }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await lstat(path).then(
    ({ size }) => size,
    () => undefined,
  )
}
