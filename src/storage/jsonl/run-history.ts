import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensureDirectory } from '#infer-dir.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import { isId } from '#storage/rules/check.ts'
import { parseObject } from '#storage/rules/fields.ts'
import { digest } from '#storage/rules/revision.ts'
import { runFromDocument, runToDocument } from '#storage/rules/run-document.ts'
import { corrupt, ioError, isMissing } from './io-error.ts'
import { createFile, removeQuietly, sweepTemporaries } from './replace-file.ts'

const DIGITS = 15

/** A run in the history, known by the name of its file. */
export interface HistoryEntry {
  jobId: string
  runId: string
  scheduledFor: number
}

/**
 * Runs that can no longer change, a file each that is written once:
 * `<runsDir>/history/<job id>/<scheduledFor in ms, 15 digits>-<run id>.json`.
 *
 * `<runsDir>/ids/<shard>/<run id>` holds the job's id of open and of settled runs. It only saves a search: without it
 * the states and the history are searched.
 */
export class RunHistory {
  readonly #history: string
  readonly #ids: string

  constructor(directory: string) {
    this.#history = join(directory, 'history')
    this.#ids = join(directory, 'ids')
  }

  /** Writes the file of a settled run unless it is there. */
  async keep(run: JobRun): Promise<void> {
    this.note(run.id, run.jobId)
    const path = join(this.#history, run.jobId, nameOf(run))
    if (!existsSync(path)) await createFile(path, JSON.stringify(runToDocument(run)))
  }

  /** Notes which job a run belongs to. Not durable: see the class. */
  note(runId: string, jobId: string): void {
    const path = this.#idPath(runId)
    try {
      writeFileSync(path, jobId, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EEXIST') return
      if (code !== 'ENOENT') throw ioError(error, path, 'write')
      makeShard(dirname(path))
      this.note(runId, jobId)
    }
  }

  /** The noted job of a run. */
  noted(runId: string): string | undefined {
    try {
      const jobId = readFileSync(this.#idPath(runId), 'utf8')
      return isId(jobId) ? jobId : undefined
    } catch (error) {
      if (isMissing(error)) return undefined
      throw ioError(error, this.#idPath(runId), 'read')
    }
  }

  /** Jobs that have runs here. */
  jobIds(): string[] {
    return list(this.#history).filter(isId)
  }

  /** Of one job, or of all; in no particular order. */
  entries(jobId?: string): HistoryEntry[] {
    return (jobId === undefined ? list(this.#history) : [jobId]).flatMap((id) =>
      this.#names(id).flatMap((name) => {
        const match = /^(\d+)-(.+)\.json$/.exec(name)
        return match ? [{ jobId: id, runId: match[2] ?? '', scheduledFor: Number(match[1]) }] : []
      }),
    )
  }

  /** Undefined when it was pruned meanwhile. Throws E_CORRUPT. */
  load(entry: HistoryEntry): JobRun | undefined {
    const path = this.#path(entry)
    try {
      return runFromDocument(parseObject(readFileSync(path, 'utf8')))
    } catch (error) {
      if (isMissing(error)) return undefined
      if ((error as NodeJS.ErrnoException).code !== undefined) throw ioError(error, path, 'read')
      throw corrupt(path, (error as Error).message, error)
    }
  }

  remove(entry: HistoryEntry): void {
    try {
      rmSync(this.#path(entry), { force: true })
    } catch (error) {
      throw ioError(error, this.#path(entry), 'delete')
    }
    removeQuietly(this.#idPath(entry.runId))
    sweepTemporaries(join(this.#history, entry.jobId), this.#names(entry.jobId))
  }

  #names(jobId: string): string[] {
    return list(join(this.#history, jobId))
  }

  #path({ jobId, runId, scheduledFor }: HistoryEntry): string {
    return join(this.#history, jobId, `${String(scheduledFor).padStart(DIGITS, '0')}-${runId}.json`)
  }

  #idPath(runId: string): string {
    return join(this.#ids, digest(runId).slice(0, 2), runId)
  }
}

function makeShard(directory: string): void {
  try {
    ensureDirectory(directory)
  } catch (error) {
    throw ioError(error, directory, 'write')
  }
}

function nameOf(run: JobRun): string {
  return `${String(Math.max(0, run.scheduledFor.getTime())).padStart(DIGITS, '0')}-${run.id}.json`
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw ioError(error, directory, 'list')
  }
}
