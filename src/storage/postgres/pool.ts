import type pg from 'pg'
import { StorageError } from '#storage/contract/errors.ts'
import { type Connector, destroy } from './connect.ts'
import { isLost } from './errors.ts'

/** How long, in ms, a server that went away is asked again before a statement fails. */
const PATIENCE_MS = 2_000

/** Up to `size` connections, made when they are needed; one that broke is replaced by the next use. */
export class Pool {
  readonly #connector: Connector
  readonly #size: number
  readonly #idle: pg.Client[] = []
  readonly #all = new Set<pg.Client>()
  readonly #waiting: (() => void)[] = []
  #used = 0
  #closed = false

  constructor(connector: Connector, size: number) {
    this.#connector = connector
    this.#size = size
  }

  /** Makes the first connection, without patience. */
  async open(): Promise<void> {
    await this.#using(0, async () => {})
  }

  /** Runs `work` with a connection of its own. */
  async use<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return await this.#using(PATIENCE_MS, work)
  }

  async close(): Promise<void> {
    this.#closed = true
    const idle = this.#idle.splice(0)
    for (const client of this.#all) if (!idle.includes(client)) destroy(client)
    await Promise.all(idle.map((client) => client.end().catch(() => {})))
  }

  async #using<T>(patienceMs: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
    if (this.#used >= this.#size) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#used += 1
    let client: pg.Client | undefined
    let sound = true
    try {
      client = await this.#take(patienceMs)
      return await work(client)
    } catch (error) {
      sound = !isLost(error)
      throw error
    } finally {
      if (client && sound && this.#all.has(client) && !this.#closed) this.#idle.push(client)
      else if (client) destroy(client)
      const next = this.#waiting.shift()
      if (next) next()
      else this.#used -= 1
    }
  }

  async #take(patienceMs: number): Promise<pg.Client> {
    if (this.#closed) {
      throw new StorageError('E_UNAVAILABLE', 'postgres', `${this.#connector.target.location} was closed`)
    }
    const idle = this.#idle.pop()
    if (idle) return idle
    const client = await this.#connector.connect(patienceMs)
    this.#all.add(client)
    client.once('end', () => this.#forget(client))
    client.once('error', () => this.#forget(client))
    return client
  }

  #forget(client: pg.Client): void {
    this.#all.delete(client)
    const index = this.#idle.indexOf(client)
    if (index >= 0) this.#idle.splice(index, 1)
  }
}
