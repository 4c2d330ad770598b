import { randomUUID } from 'node:crypto'
import { linkSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { codeOf, ioError, isMissing } from '#storage/jsonl/io-error.ts'
import { syncDirectory } from '#storage/jsonl/sync.ts'
import { historyFile, namesIn } from './legacy-files.ts'

export type SourceKind = 'schedule' | 'plan' | 'history'

/** A directory or file of an earlier installation. */
export interface FileSource {
  readonly kind: SourceKind
  /** Where it was found first, absolute. */
  readonly path: string
  /** The backend's own place: only what an interrupted import has taken from there counts. */
  readonly own?: boolean
}

/** A source that an import has taken: it stands at `at`, and `uuid` is its identity in the ledger. */
export interface TakenSource extends FileSource {
  readonly at: string
  readonly uuid: string
}

export interface FoundSources {
  readonly untaken: FileSource[]
  /** Taken by an import that was interrupted or still runs. */
  readonly taken: TakenSource[]
}

const MIGRATING = /^(.+)\.migrating-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/
/** Codes of a place that this process may not change: permissions, a read-only system, a mount point. */
const UNCHANGEABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY'])

/** Which of the places hold something. Where nothing does, one listing of each parent directory is all it takes. */
export function findSources(places: readonly FileSource[]): FoundSources {
  const listed = new Map<string, string[]>()
  const found: FoundSources = { untaken: [], taken: [] }
  for (const { kind, path, own } of places) {
    const parent = dirname(path)
    const names = listed.get(parent) ?? namesOf(parent)
    listed.set(parent, names)
    for (const name of names.sort()) {
      if (name === basename(path)) {
        if (!own && holdsSomething(kind, path)) found.untaken.push({ kind, path })
        continue
      }
      const [, of, uuid] = MIGRATING.exec(name) ?? []
      if (of === basename(path) && uuid !== undefined) found.taken.push({ kind, path, at: join(parent, name), uuid })
    }
  }
  return found
}

function namesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'ENOTDIR' || codeOf(error) === 'EACCES') return []
    throw ioError(error, directory, 'list')
  }
}

function holdsSomething(kind: SourceKind, path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (kind === 'history') return (statSync(historyFile(path), { throwIfNoEntry: false })?.size ?? 0) > 0
  return stats?.isDirectory() === true && namesIn(path, kind === 'schedule' ? '.yaml' : '.md').length > 0
}

/**
 * Renames a source to `<name>.migrating-<uuid>`, which is atomic: of several processes one has it, and nothing can be
 * written into it unseen any more. Undefined when somebody else has it; `unchangeable` where it cannot be renamed.
 */
export async function takeSource(source: FileSource): Promise<TakenSource | 'unchangeable' | undefined> {
  const uuid = randomUUID()
  const at = `${source.path}.migrating-${uuid}`
  try {
    renameSync(source.path, at)
  } catch (error) {
    if (isMissing(error)) return undefined
    if (UNCHANGEABLE.has(codeOf(error) ?? '')) return 'unchangeable'
    throw ioError(error, source.path, 'write')
  }
  // Without it a power loss could undo the rename and leave the ledger, and lines would come in twice.
  await syncDirectory(dirname(at))
  return { ...source, at, uuid }
}

/** Renames a taken source to its name as a backup, `<name>.migrated-<timestamp>`; undefined when somebody else did. */
export async function settleSource({ path, at }: TakenSource, now: Date): Promise<string | undefined> {
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  for (let n = 0; ; n++) {
    const to = `${path}.migrated-${stamp}${n === 0 ? '' : `-${n}`}`
    try {
      moveToNew(at, to)
      await syncDirectory(dirname(at))
      return to
    } catch (error) {
      if (isMissing(error)) return undefined
      if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw ioError(error, at, 'write')
    }
  }
}

/** A rename refuses a directory that is not empty, but replaces a file; a link refuses that too. */
function moveToNew(from: string, to: string): void {
  const stats = statSync(from)
  if (stats.isDirectory()) {
    renameSync(from, to)
    return
  }
  // Somebody who was killed between link and unlink has given it its name already.
  const [, prefix = ''] = /^(.*\.migrated-)/.exec(basename(to)) ?? []
  const named = namesOf(dirname(to)).filter((name) => name.startsWith(prefix))
  if (!named.some((name) => statSync(join(dirname(to), name), { throwIfNoEntry: false })?.ino === stats.ino)) {
    if (!linked(from, to)) {
      renameSync(from, to)
      return
    }
  }
  unlinkSync(from)
}

/** False on a file system without hard links. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error) ?? '')) return false
    throw error
  }
}
