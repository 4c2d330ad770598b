import type { Log } from '#log.ts'
import type { StoreOutage } from '#scheduler/store-outage.ts'
import type { CoordinationStorage, DaemonPresence, SeenDaemon } from '#storage/contract/coordination.ts'
import { differences, skewWarning } from './differences.ts'

/** How often a daemon says that it is alive, in ms. */
const BEAT_MS = 10_000
/** A daemon that was silent for this long counts as gone, in ms. */
const SILENT_MS = 60_000

export interface PresenceOptions {
  readonly coordination: Pick<CoordinationStorage, 'beat' | 'leave' | 'daemons'>
  readonly daemon: Omit<DaemonPresence, 'clock' | 'behind'>
  /** Whether it is behind at present. */
  readonly behind: () => boolean
  readonly log: Log
  readonly outage: StoreOutage
  readonly beatMs?: number
  /** The machine's clock. */
  readonly now?: () => Date
}

/** Says that this daemon is alive until it is disposed of, and warns, once each, of what daemons do not agree on. */
export class Presence implements AsyncDisposable {
  readonly #options: PresenceOptions
  readonly #warned = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #beating: Promise<void> | undefined

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** A store that does not answer is no reason to wait: the next beat tries again. */
  async begin(): Promise<void> {
    this.#timer = setInterval(() => void this.#beat(), this.#options.beatMs ?? BEAT_MS)
    await this.#beat()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#beating
    const { coordination, daemon, log } = this.#options
    await coordination.leave(daemon.id).catch((error: unknown) => log.debug(`could not say goodbye: ${String(error)}`))
  }

  /** One at a time, however slow the store is. */
  #beat(): Promise<void> {
    this.#beating ??= this.#beatOnce().finally(() => {
      this.#beating = undefined
    })
    return this.#beating
  }

  async #beatOnce(): Promise<void> {
    const { coordination, daemon, behind, outage, now = () => new Date() } = this.#options
    try {
      await coordination.beat({ ...daemon, behind: behind(), clock: now() })
      this.#compare(await coordination.daemons())
      outage.answered('presence')
    } catch (error) {
      outage.failed('presence', error)
    }
  }

  #compare(daemons: readonly SeenDaemon[]): void {
    const { daemon } = this.#options
    const storeNow = daemons.find(({ id }) => id === daemon.id)?.lastBeat.getTime()
    if (storeNow === undefined) return
    for (const other of daemons) {
      if (storeNow - other.lastBeat.getTime() > SILENT_MS) continue
      const skewed = skewWarning(other)
      if (skewed !== undefined) this.#warn(`${other.id} skew`, skewed)
      for (const [what, sentence] of differences(other, daemon, 'this daemon')) {
        this.#warn(`${other.id} ${what}`, sentence)
      }
    }
  }

  #warn(key: string, message: string): void {
    if (this.#warned.has(key)) return
    this.#warned.add(key)
    this.#options.log.warn(message)
  }
}
