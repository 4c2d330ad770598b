import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { normalize } from 'node:path'
import { setImmediate as pause } from 'node:timers/promises'
import { StorageError } from '#storage/contract/errors.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { isId } from '#storage/rules/check.ts'
import { DocumentError } from '#storage/rules/fields.ts'
import { jobDefinition } from '#storage/rules/job-document.ts'
import { formatJobFile, formatOutcome } from './format-job-file.ts'
import { corrupt, ioError, isMissing, statOf } from './io-error.ts'
import { type JobFile, parseJobFile } from './job-file.ts'
import { type PreparedFile, prepareFile, removeFile, sweepTemporaries } from './replace-file.ts'
import { syncDirectory } from './sync.ts'

const SUFFIX = '.yaml'
/** Files handled before other work of the process gets a turn. */
const SLICE = 250
/** Where more are read at once they are not kept: 10,000 take 40 MB, and are rarely read again. */
const MAX_KEPT = 1_000
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A file as it was read; `file` is undefined when there is none. */
export interface Definition {
  file: JobFile | undefined
  text: string | undefined
}

interface Cached {
  token: string
  text: string
  outcome: JobFile | StorageError
}

/** The directory of definitions, one `<id>.yaml` each. What was parsed is kept as long as the file is the same, unless it is one of very many. */
export class JobDefinitions {
  readonly directory: string
  readonly #readOnly: boolean
  readonly #warn: (message: string) => void
  readonly #cache = new Map<string, Cached>()
  readonly #warned = new Set<string>()

  constructor(directory: string, warn: (message: string) => void, readOnly = false) {
    this.#readOnly = readOnly
    this.directory = normalize(directory)
    this.#warn = warn
  }

  /** Throws E_CORRUPT, or E_UNAVAILABLE when the file exists and may not be read. */
  read(id: string): Definition {
    const cached = this.#load(id)
    if (!cached) return { file: undefined, text: undefined }
    if (cached.outcome instanceof StorageError) throw cached.outcome
    return { file: cached.outcome, text: cached.text }
  }

  /** Whether the directory itself is gone. */
  vanished(): boolean {
    return !statOf(this.directory)?.isDirectory()
  }

  /** Names of all definitions, also of those that are no ids. Empty when there is no directory. */
  names(): string[] {
    let files: string[]
    try {
      files = readdirSync(this.directory)
    } catch (error) {
      if (isMissing(error)) return []
      throw ioError(error, this.directory, 'list')
    }
    if (!this.#readOnly) sweepTemporaries(this.directory, files)
    return files
      .filter((file) => file.endsWith(SUFFIX) && !file.startsWith('.'))
      .map((file) => file.slice(0, -SUFFIX.length))
  }

  /** Those of the names that exist. Lets other work in between. */
  async readAll(names: readonly string[]): Promise<Map<string, JobFile | StorageError>> {
    const found = new Map<string, JobFile | StorageError>()
    for (const [index, name] of names.entries()) {
      if (index % SLICE === SLICE - 1) await pause()
      if (isId(name)) {
        const cached = this.#attempt(name, names.length <= MAX_KEPT)
        if (cached) found.set(name, cached)
      } else found.set(name, corrupt(this.#path(name), 'its name is not a valid job id'))
    }
    return found
  }

  /** A token of each file that changes when the file does. Lets other work in between. */
  async tokens(names: readonly string[]): Promise<Map<string, string>> {
    const tokens = new Map<string, string>()
    for (const [index, name] of names.entries()) {
      if (index % (4 * SLICE) === 4 * SLICE - 1) await pause()
      const token = this.token(name)
      if (token !== undefined) tokens.set(name, token)
    }
    return tokens
  }

  /** Undefined when there is no such file. */
  token(name: string): string | undefined {
    try {
      return tokenOf(statSync(this.#path(name), { bigint: true }))
    } catch (error) {
      // An error is a state of its own: the load says what is wrong, and it is looked at again when it changes.
      return isMissing(error) ? undefined : String((error as NodeJS.ErrnoException).code)
    }
  }

  /** The complete file for a definition, without its place yet. `previous` is what it changes. */
  async prepare(job: ScheduledJob, previous: Definition | undefined): Promise<PreparedFile> {
    const text = this.#formatted(job.id, () => formatJobFile(job, previous?.text, previous?.file?.job))
    const prepared = await prepareFile(this.#path(job.id), text)
    if (this.#cache.has(job.id) || this.#cache.size < MAX_KEPT) {
      const { otherId: _, ...file } = previous?.file ?? {}
      // Without a token it is read again, but as long as the text is this one it need not be parsed.
      this.#cache.set(job.id, { token: '', text, outcome: { ...file, job: jobDefinition(job) } })
    }
    return prepared
  }

  async remove(id: string): Promise<boolean> {
    return await removeFile(this.#path(id))
  }

  /** Writes the outcome of the last run into the file, unless somebody changes it at this moment. */
  async putOutcome(id: string, lastRun: Date | undefined, lastError: string | undefined): Promise<void> {
    const token = this.token(id)
    const { text } = this.read(id)
    if (text === undefined) return
    const changed = this.#formatted(id, () => formatOutcome(text, lastRun, lastError))
    if (changed === text) return
    // A directory that has just been taken away must not come back empty: its jobs would count as deleted.
    const file = await prepareFile(this.#path(id), changed, { makesDirectory: false })
    if (this.token(id) !== token) return file.discard()
    file.commit()
    await syncDirectory(this.directory)
  }

  #formatted(id: string, format: () => string): string {
    try {
      return format()
    } catch (error) {
      if (error instanceof DocumentError) throw corrupt(this.#path(id), error.message, error)
      throw error
    }
  }

  #attempt(id: string, keep: boolean): JobFile | StorageError | undefined {
    try {
      return this.#load(id, keep)?.outcome
    } catch (error) {
      return error as StorageError
    }
  }

  #load(id: string, keep = true): Cached | undefined {
    const path = this.#path(id)
    let read: { token: string; bytes: Buffer } | undefined
    const cached = this.#cache.get(id)
    try {
      const fd = openSync(path, 'r')
      try {
        const token = tokenOf(fstatSync(fd, { bigint: true }))
        if (cached?.token === token) return cached
        read = { token, bytes: readFileSync(fd) }
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      this.#cache.delete(id)
      if (!isMissing(error)) throw ioError(error, path, 'read')
      return undefined
    }
    const parsed = this.#parse(id, read, cached)
    if (keep) this.#cache.set(id, isSettled(read.token) ? parsed : { ...parsed, token: '' })
    else this.#cache.delete(id)
    return parsed
  }

  #parse(id: string, { token, bytes }: { token: string; bytes: Buffer }, known: Cached | undefined): Cached {
    let text = ''
    try {
      text = UTF8.decode(bytes)
      if (known?.text === text) return { ...known, token }
      const file = parseJobFile(id, text)
      if (file.otherId !== undefined && !this.#warned.has(id)) {
        this.#warned.add(id)
        this.#warn(`${this.#path(id)} says id ${JSON.stringify(file.otherId)} inside; the name of the file counts`)
      }
      return { token, text, outcome: file }
    } catch (error) {
      const reason = error instanceof DocumentError ? error.message : 'it is not UTF-8 text'
      return { token, text, outcome: corrupt(this.#path(id), reason, error) }
    }
  }

  #path(id: string): string {
    return `${this.directory}/${id}${SUFFIX}`
  }
}

function tokenOf(stats: { mtimeNs: bigint; ctimeNs: bigint; size: bigint; ino: bigint }): string {
  return `${stats.mtimeNs}.${stats.ctimeNs}.${stats.size}.${stats.ino}`
}

/** Whether another change would show in the token: the times of a file have the grain of the kernel's tick. */
export function isSettled(token: string): boolean {
  const [, changed = '0'] = token.split('.')
  return Date.now() - Number(BigInt(changed) / 1_000_000n) > 50
}
