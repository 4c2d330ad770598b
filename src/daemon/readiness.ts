import { sleep } from '#scheduler/sleep.ts'

/** How long the store may take to answer, in ms. */
const PATIENCE_MS = 5_000

export interface ReadinessOptions {
  /** Whether every job is known. */
  readonly synced: () => boolean
  readonly stopping: () => boolean
  /** Asks the store for an answer now. */
  readonly health: () => Promise<void>
  /** What has failed last in the store while something fails in it, such as writing; undefined while nothing does. */
  readonly outage: () => string | undefined
}

/** Tells why a daemon cannot take fires. However many ask at once, the store is asked one question at a time. */
export class Readiness {
  readonly #options: ReadinessOptions
  #asking: Promise<string | undefined> | undefined

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** A sentence, undefined when it can. Never rejects, and takes 5 s at most. */
  async notReady(): Promise<string | undefined> {
    const { synced, stopping, outage } = this.#options
    if (stopping()) return 'the daemon is stopping'
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    const answered = new AbortController()
    const reason = await Promise.race([
      this.#asking,
      sleep(PATIENCE_MS, answered.signal).then(() => `the store has not answered for ${PATIENCE_MS / 1_000} s`),
    ]).finally(() => answered.abort())
    return reason ?? outage() ?? (synced() ? undefined : 'the jobs are not in sync with the store')
  }

  async #ask(): Promise<string | undefined> {
    try {
      await this.#options.health()
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
