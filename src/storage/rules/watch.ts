import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { ScheduledJobChange, StoredJob } from '#storage/contract/scheduled-jobs.ts'

/** What a backend contributes to a watch: a cheap index, a way to load, and hints. */
export interface WatchSource {
  readonly backend: BackendName
  /**
   * Begins to listen for signs of change until the signal aborts; each sign calls `hint`. It never throws: where
   * nothing can be heard, the poll finds the changes. Reconnects by itself, and calls `hint` after each reconnect.
   */
  listen(hint: () => void, signal: AbortSignal): Promise<AsyncDisposable>
  /** Whether anything may have changed since the last call: a generation, a few stats. Called every `pollMs`. */
  changed(): Promise<boolean>
  /**
   * Every job id with a token that changes whenever its definition does (it may change more often). Throws when the
   * jobs cannot be listed; never returns less than there is.
   */
  index(): Promise<Map<string, string>>
  /** Those of the given jobs that exist. */
  load(ids: readonly string[]): Promise<{ jobs: StoredJob[]; unreadable: { id: string; error: StorageError }[] }>
  /** How long, in ms, a job must be absent before it counts as deleted. Default 0. */
  readonly confirmDeletionMs?: number
}

/** What the consumer was told of a job. */
interface Told {
  token: string
  /** Revision, or the message of what makes it unreadable. */
  content: string
}

const MAX_RETRY_MS = 5_000

/**
 * The watch of every backend: level-triggered list and diff. A hint, the poll, and a timer only ask to look again;
 * what has changed is found by comparing the index with what was told. One look at a time; hints that arrive during
 * a look make one more.
 */
export async function* watchJobs(
  source: WatchSource,
  options: { signal: AbortSignal; pollMs: number; fullListMs: number; hints: boolean },
): AsyncGenerator<ScheduledJobChange> {
  const { signal, pollMs, fullListMs } = options
  const told = new Map<string, Told>()
  const absentSince = new Map<string, number>()
  const ended = new AbortController()
  const stop = AbortSignal.any([signal, ended.signal])
  const wake = new Wake(stop)
  await using _listener = options.hints ? await source.listen(() => wake.hint(), stop) : undefined
  try {
    let synced = false
    let failures = 0
    let listedAt = Number.NEGATIVE_INFINITY
    let look = true
    while (!signal.aborted) {
      let error: StorageError | undefined
      try {
        const hinted = wake.take()
        look ||= hinted || performance.now() - listedAt >= fullListMs || (await source.changed())
        if (look) {
          for (const change of await diff(source, told, absentSince)) yield change
          listedAt = performance.now()
          look = absentSince.size > 0
          if (!synced) yield { type: 'synced' }
          synced = true
          failures = 0
        }
      } catch (cause) {
        error = asStorageError(source.backend, cause)
      }
      if (signal.aborted) return
      if (error) {
        look = true
        failures += 1
        if (synced || failures === 1) yield { type: 'unavailable', error }
        synced = false
        await wake.after(Math.min(pollMs * 2 ** Math.min(failures - 1, 5), MAX_RETRY_MS))
      } else {
        await wake.after(look ? (source.confirmDeletionMs ?? 0) : pollMs)
      }
    }
  } finally {
    ended.abort()
  }
}

async function diff(
  source: WatchSource,
  told: Map<string, Told>,
  absentSince: Map<string, number>,
): Promise<ScheduledJobChange[]> {
  const index = await source.index()
  const candidates = [...index].filter(([id, token]) => told.get(id)?.token !== token).map(([id]) => id)
  const loaded = candidates.length > 0 ? await source.load(candidates) : { jobs: [], unreadable: [] }
  const changes: ScheduledJobChange[] = []
  const tell = (id: string, content: string, change: ScheduledJobChange) => {
    if (told.get(id)?.content !== content) changes.push(change)
    told.set(id, { token: index.get(id) ?? '', content })
  }
  for (const job of loaded.jobs) tell(job.id, job.revision, { type: 'saved', job })
  for (const { id, error } of loaded.unreadable) tell(id, error.message, { type: 'unreadable', id, error })
  const now = performance.now()
  for (const id of told.keys()) {
    if (index.has(id)) absentSince.delete(id)
    else if (now - (absentSince.get(id) ?? now) >= (source.confirmDeletionMs ?? 0)) {
      absentSince.delete(id)
      told.delete(id)
      changes.push({ type: 'deleted', id })
    } else if (!absentSince.has(id)) absentSince.set(id, now)
  }
  return changes
}

function asStorageError(backend: BackendName, error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new StorageError('E_UNAVAILABLE', backend, `the jobs cannot be listed: ${message}`, { cause: error })
}

/** A wait that a hint or the end cuts short. */
class Wake {
  readonly #signal: AbortSignal
  #hinted = false
  #resolve: (() => void) | undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  hint(): void {
    this.#hinted = true
    this.#resolve?.()
  }

  /** Whether there was a hint since the last call. */
  take(): boolean {
    const hinted = this.#hinted
    this.#hinted = false
    return hinted
  }

  async after(ms: number): Promise<void> {
    if (this.#hinted || this.#signal.aborted) return
    const signal = this.#signal
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      function done(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
      this.#resolve = done
    })
    this.#resolve = undefined
  }
}
