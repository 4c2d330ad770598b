import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { codeOf, connectError, isCrowded, isLost } from './errors.ts'
import type { Target } from './target.ts'

/** Makes connections to one server. */
export class Connector {
  readonly target: Target
  readonly #timeoutMs: number
  readonly #lockTimeoutMs: number
  /** The way that worked last, tried first. */
  #way = 0

  /** `timeoutMs` is for one connection, `lockTimeoutMs` for the wait for a lock in it. */
  constructor(target: Target, timeoutMs: number, lockTimeoutMs: number) {
    this.target = target
    this.#timeoutMs = timeoutMs
    this.#lockTimeoutMs = lockTimeoutMs
  }

  /**
   * A connected client. A server that is crowded or starting is asked again until the timeout; one that cannot be
   * reached, for `patienceMs`. Its `error` events are heard: a connection that ends while idle ends nothing else.
   */
  async connect(patienceMs: number): Promise<pg.Client> {
    const start = performance.now()
    for (let pause = 25; ; pause = Math.min(pause * 2, 500)) {
      try {
        return await this.#tryWays(start + this.#timeoutMs)
      } catch (error) {
        const waited = performance.now() - start
        const limit = isCrowded(error) ? this.#timeoutMs : isLost(error) ? patienceMs : 0
        if (waited + pause > limit) throw connectError(error, this.target)
        await sleep(pause * (0.5 + Math.random() / 2))
      }
    }
  }

  async #tryWays(deadline: number): Promise<pg.Client> {
    const { configs } = this.target
    for (let tried = 1; ; tried++) {
      const config = configs[this.#way % configs.length] ?? {}
      try {
        return await this.#open(config, Math.max(1, deadline - performance.now()))
      } catch (error) {
        if (tried >= configs.length || !isRefusedWay(error)) throw error
        this.#way += 1
      }
    }
  }

  async #open(config: pg.ClientConfig, timeoutMs: number): Promise<pg.Client> {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: timeoutMs })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query(`set lock_timeout = ${this.#lockTimeoutMs}`)
      return client
    } catch (error) {
      destroy(client)
      throw error
    }
  }
}

/** Ends a connection at once, whatever it is doing. */
export function destroy(client: pg.Client): void {
  client.connection.stream.destroy()
  client.end().catch(() => {})
}

/** Whether the other of TLS and plain may work: no TLS there, a failed handshake, or not let in this way. */
function isRefusedWay(error: unknown): boolean {
  const code = codeOf(error)
  if (code === '28000' || /^(EPROTO|ERR_SSL|ERR_TLS)/.test(code)) return true
  return error instanceof Error && /SSL connection|secure TLS connection/.test(error.message)
}
