import { appendFileSync, closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as pause } from 'node:timers/promises'
import { isId } from '#storage/rules/check.ts'
import { statOf } from './io-error.ts'
import { filesOf, makeDirectory, removeQuietly } from './replace-file.ts'

const SUFFIX = '.jsonl'
const SLICE = 500
/** How long, in ms, the index of a large directory is believed without a stat of every file. */
const TRUST_MS = 10_000
/** Up to this many files every listing stats all of them: 4 ms. */
const SMALL = 2_000
/** Bytes of notes that a listing reads at most; above it, it compares. */
const MAX_NOTES = 8 * 1_024
/** Size at which the notes begin anew. */
const ROTATE_NOTES = 256 * 1_024
/** Stands for the times of the directory in the note of a change in place. */
const IN_PLACE = '-'

/** What the index knows of a file. */
export interface IndexRow {
  readonly id: string
  /** Modification time and size; the row holds as long as they are the same. */
  readonly stamp: string
  /** In ms; undefined for a file that cannot be read. */
  readonly updatedAt: number | undefined
  readonly needsTitle: boolean
}

/** The file as it was read: a line of header, and the rows as text, which are only decoded as far as they are wanted. */
interface Stored {
  /** Modification time of the directory when the files were compared. */
  readonly directory: string
  /** When that was, in ms. */
  readonly comparedAt: number
  /** Length of the notes at that time. */
  readonly noted: number
  readonly count: number
  readonly body: string
}

/** Reads the row of one file; undefined when it is gone. */
type ReadRow = (id: string, stamp: string) => IndexRow | undefined

/**
 * The order of conversations, so that a listing need not read every file: `<conversations>/.state/index`, a line each,
 * newest first, under a line with the directory's time. It is a hint that heals itself; what is listed comes from the
 * conversations. Files are compared by time and size at each listing, and only what changed is read.
 *
 * In a directory of more than 2,000 the comparison is left out for 10 s after the last one. Our own changes are noted
 * in `touched` then, a line `<before> <after> <id>` each, with the directory's time before and after it: as long as the
 * notes lead from the time in the index to the present one, nobody else made or removed a file. So only what other
 * programs change in place shows up to 10 s later. Notes are made while the file for them is there; it is made before
 * a comparison, so that a change without a note is one that the comparison saw.
 */
export class ConversationIndex {
  readonly #directory: string
  readonly #file: string
  readonly #touched: string
  readonly #readRow: ReadRow
  /** No index is written and nothing is swept out. */
  readonly #readOnly: boolean

  constructor(directory: string, readRow: ReadRow, readOnly = false) {
    this.#readOnly = readOnly
    this.#directory = directory
    this.#file = join(directory, '.state/index')
    this.#touched = join(directory, '.state/touched')
    this.#readRow = readRow
  }

  /** Notes that a conversation was changed in place. */
  touch(id: string): void {
    if (existsSync(this.#touched)) this.#note(id, IN_PLACE, IN_PLACE)
  }

  /** Makes, replaces or removes the file of a conversation, and notes it. */
  async placing<T>(id: string, act: () => Promise<T>): Promise<T> {
    const before = existsSync(this.#touched) ? this.#directoryTime() : undefined
    const result = await act()
    if (existsSync(this.#touched)) this.#note(id, before ?? IN_PLACE, this.#directoryTime() ?? IN_PLACE)
    return result
  }

  /** Rows newest first, ties by id descending, unreadable ones first of all. `compare` believes nothing. */
  async rows(compare = false): Promise<Iterable<IndexRow>> {
    const directory = this.#directoryTime()
    if (directory === undefined) return []
    const stored = this.#load()
    const notes = this.#notes()
    const recent = stored && stored.count > SMALL && Math.abs(Date.now() - stored.comparedAt) < TRUST_MS
    if (recent && notes !== undefined && !compare) {
      const changed = changedSince(stored, notes, directory)
      if (changed) return this.#merged(stored.body, changed)
    }
    const known = new Map<string, IndexRow>()
    for (const row of rowsOf(stored?.body ?? '')) known.set(row.id, row)
    let noted = notes?.length ?? 0
    let previous = stored?.body
    if (noted > ROTATE_NOTES && !this.#readOnly) {
      removeQuietly(this.#file)
      removeQuietly(this.#touched)
      noted = 0
      previous = undefined
    }
    if (this.#readOnly) return await this.#compare(known)
    this.#makePlace()
    const time = this.#directoryTime() ?? directory
    const rows = await this.#compare(known)
    this.#save({ directory: time, comparedAt: Date.now(), noted }, rows, previous)
    return rows
  }

  /** The stored rows with those of the given ids read anew. */
  *#merged(body: string, ids: ReadonlySet<string>): Generator<IndexRow> {
    const fresh: IndexRow[] = []
    for (const id of ids) {
      const stamp = this.#stamp(id)
      const row = stamp === undefined ? undefined : this.#readRow(id, stamp)
      if (row) fresh.push(row)
    }
    fresh.sort(byNewest)
    let next = 0
    for (const row of rowsOf(body)) {
      if (ids.has(row.id)) continue
      for (let one = fresh[next]; one && byNewest(one, row) < 0; one = fresh[++next]) yield one
      yield row
    }
    yield* fresh.slice(next)
  }

  /** Best effort: without a note the next comparison finds the change. */
  #note(id: string, before: string, after: string): void {
    try {
      appendFileSync(this.#touched, `${before} ${after} ${id}\n`, { mode: 0o600 })
    } catch {
      // The directory may be read-only by now.
    }
  }

  async #compare(known: ReadonlyMap<string, IndexRow>): Promise<IndexRow[]> {
    const files = filesOf(this.#directory, this.#readOnly)
    if (files.length > SMALL && !this.#readOnly) this.#beginNotes()
    const rows: IndexRow[] = []
    for (const [index, file] of files.entries()) {
      if (index % SLICE === SLICE - 1) await pause()
      if (!file.endsWith(SUFFIX) || file.startsWith('.')) continue
      const id = file.slice(0, -SUFFIX.length)
      const stamp = this.#stamp(id)
      if (stamp === undefined) continue
      const same = known.get(id)
      const row = same?.stamp === stamp ? same : this.#readRow(id, stamp)
      if (row) rows.push(row)
    }
    return rows.sort(byNewest)
  }

  #stamp(id: string): string | undefined {
    const stats = statOf(join(this.#directory, id + SUFFIX))
    return stats && `${stats.mtimeNs}:${stats.size}`
  }

  #directoryTime(): string | undefined {
    return statOf(this.#directory)?.mtimeNs.toString()
  }

  /** Before the directory's time is taken, which it changes. */
  #makePlace(): void {
    try {
      makeDirectory(join(this.#directory, '.state'))
    } catch {
      // Where nothing can be written there is no index.
    }
  }

  #beginNotes(): void {
    try {
      closeSync(openSync(this.#touched, 'a', 0o600))
    } catch {
      // Without notes no index is believed.
    }
  }

  /** Undefined when none are made. */
  #notes(): string | undefined {
    try {
      return readFileSync(this.#touched, 'latin1')
    } catch {
      return undefined
    }
  }

  #load(): Stored | undefined {
    try {
      const bytes = readFileSync(this.#file)
      const start = bytes.indexOf(10) + 1
      const [directory = '', comparedAt, noted, count, length] = bytes.toString('latin1', 0, start - 1).split(' ')
      // After a power loss it may be cut off, or filled up with zeros.
      if (Number(length) !== bytes.length - start || bytes.includes(0)) return undefined
      const body = bytes.toString('utf8', start)
      return { directory, comparedAt: Number(comparedAt), noted: Number(noted), count: Number(count), body }
    } catch {
      return undefined
    }
  }

  /** Best effort: without an index a listing is slower and just as right. */
  #save(
    header: Pick<Stored, 'directory' | 'comparedAt' | 'noted'>,
    rows: readonly IndexRow[],
    previous?: string,
  ): void {
    const body = rows.map(rowToLine).join('')
    if (rows.length <= SMALL && previous === body) return
    const temporary = `${this.#file}.${process.pid}.tmp`
    try {
      const { directory, comparedAt, noted } = header
      const head = `${directory} ${comparedAt} ${noted} ${rows.length} ${Buffer.byteLength(body)}\n`
      writeFileSync(temporary, head + body, { mode: 0o600 })
      renameSync(temporary, this.#file)
    } catch {
      removeQuietly(temporary)
    }
  }
}

/** Conversations noted since the comparison; undefined when the notes do not tell all that happened to the directory. */
function changedSince(stored: Stored, notes: string, directory: string): Set<string> | undefined {
  const news = notes.slice(stored.noted)
  if (stored.noted > notes.length || news.length > MAX_NOTES) return undefined
  const ids = new Set<string>()
  let time = stored.directory
  for (const line of news.split('\n').slice(0, -1)) {
    const [before = '', after = '', id = ''] = line.split(' ')
    if (!isId(id)) return undefined
    ids.add(id)
    // A change that the comparison saw may be noted after it.
    if (after === IN_PLACE || after === time) continue
    if (before !== time) return undefined
    time = after
  }
  return time === directory ? ids : undefined
}

function byNewest(a: IndexRow, b: IndexRow): number {
  const [left, right] = [a.updatedAt ?? Number.POSITIVE_INFINITY, b.updatedAt ?? Number.POSITIVE_INFINITY]
  if (left !== right) return left < right ? 1 : -1
  return a.id < b.id ? 1 : -1
}

function rowToLine({ id, stamp, updatedAt, needsTitle }: IndexRow): string {
  return `${updatedAt ?? '-'} ${needsTitle ? 't' : '-'} ${stamp} ${id}\n`
}

/** Decodes as far as it is read. */
function* rowsOf(body: string): Generator<IndexRow> {
  for (let from = 0, to = body.indexOf('\n'); to >= 0; from = to + 1, to = body.indexOf('\n', from)) {
    yield rowFromLine(body.slice(from, to))
  }
}

function rowFromLine(line: string): IndexRow {
  const [updatedAt = '', title, stamp = ''] = line.split(' ', 3)
  const id = line.slice(updatedAt.length + stamp.length + 4)
  return { id, stamp, updatedAt: updatedAt === '-' ? undefined : Number(updatedAt), needsTitle: title === 't' }
}
