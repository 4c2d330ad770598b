import type { Log } from '#log.ts'
import { StorageError, type StorageErrorCode } from '#storage/contract/errors.ts'
import { sleep } from './sleep.ts'

/** Failures that say something about the record or the request; every other one may pass. */
const FINAL: readonly StorageErrorCode[] = ['E_NOT_FOUND', 'E_CONFLICT', 'E_CORRUPT', 'E_INVALID']
/** Pause before something that failed is tried again, in ms: it grows with each attempt up to the second. */
const RETRY_MS = 500
const MAX_RETRY_MS = 5_000

/** Whether waiting can help: the store does not answer, is locked, is full, or a newer release has changed it. */
export function mayPass(error: unknown): boolean {
  return !(error instanceof StorageError && FINAL.includes(error.code))
}

/**
 * What a daemon knows of failures of its store. Several parts of it use the store and notice an outage each on their
 * own; the first failure and the end of the last are said, each once.
 */
export class StoreOutage {
  readonly #log: Log
  readonly #failing = new Set<string>()
  #since = 0
  #failures = 0
  #reason: string | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** How often the store has failed so far. */
  get failures(): number {
    return this.#failures
  }

  /** The last failure, while any part is failing. */
  get reason(): string | undefined {
    return this.#failing.size === 0 ? undefined : this.#reason
  }

  /** Whether this part has failed last. */
  fails(part: string): boolean {
    return this.#failing.has(part)
  }

  /** `part` names what has failed; it counts as failing until `answered` is called for it. */
  failed(part: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#failures += 1
    this.#reason = message
    if (this.#failing.size === 0) {
      this.#since = performance.now()
      this.#log.error(`the store cannot be used at present, nothing is claimed until it can: ${message}`, { part })
    } else if (!this.#failing.has(part)) this.#log.debug(`store: ${message}`, { part })
    this.#failing.add(part)
  }

  answered(part: string): void {
    if (!this.#failing.delete(part) || this.#failing.size > 0) return
    const seconds = Math.round((performance.now() - this.#since) / 1_000)
    this.#log.info('the store can be used again', { seconds })
  }

  /**
   * Does something, and again while its failure may pass; undefined when the signal aborts before it has succeeded.
   * It is tried once whatever the signal says. Throws failures that do not pass.
   */
  async persist<T>(part: string, act: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await act()
        this.answered(part)
        return result
      } catch (error) {
        if (!mayPass(error)) {
          this.answered(part)
          throw error
        }
        this.failed(part, error)
      }
      if (signal.aborted) return undefined
      await sleep(Math.min(RETRY_MS * attempt, MAX_RETRY_MS), signal)
      if (signal.aborted) return undefined
    }
  }
}
