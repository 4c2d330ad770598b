import type { ScheduledJobChange, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { waitFor } from '../../support/wait-for.ts'

/** A watch whose changes are collected while the test goes on. */
export class Watched implements AsyncDisposable {
  readonly changes: ScheduledJobChange[] = []
  /** The jobs as the changes told them. */
  readonly jobs = new Map<string, StoredJob>()
  readonly #abort = new AbortController()
  readonly #ended: Promise<void>

  constructor(stores: Stores) {
    this.#ended = this.#collect(stores)
  }

  /** A watch that has told every job there is. */
  static async synced(stores: Stores): Promise<Watched> {
    const watched = new Watched(stores)
    await watched.until('synced', () => watched.changes.some(({ type }) => type === 'synced'))
    return watched
  }

  async until(what: string, ask: () => boolean): Promise<void> {
    await waitFor(`watch: ${what}`, ask)
  }

  async untilPrompt(id: string, prompt: string | undefined): Promise<void> {
    await this.until(`${id} is ${prompt}`, () => this.jobs.get(id)?.prompt === prompt)
  }

  /** Aborts and waits for the end of the iteration; fails when that failed. */
  async end(): Promise<void> {
    this.#abort.abort()
    await this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  async #collect(stores: Stores): Promise<void> {
    for await (const change of stores.scheduledJobs.watch({ signal: this.#abort.signal })) {
      this.changes.push(change)
      if (change.type === 'saved') this.jobs.set(change.job.id, change.job)
      else if (change.type === 'deleted') this.jobs.delete(change.id)
    }
  }
}
