import { hash } from 'node:crypto'
import type { RedisConnection } from './connection.ts'
import { BATCH, batches } from './job-records.ts'
import { INDEX, LOOK, VERIFY } from './job-scripts.ts'
import { keys } from './keys.ts'
import { prefixedIds } from './scan.ts'

/** SHA-1 that stands for an absent definition. */
const ABSENT = '-'
/** No number of keys. A definition that has gone may stand under another name (RENAME), which changes no number. */
const SCAN_DUE = -1

/**
 * What a watch knows of the definitions: their ids and the SHA-1 of each, kept up to date without reading them.
 *
 * Writes of this program are told by the index and its generation. Edits by hand bypass both; they are found by
 * - keyspace notifications, which name the key,
 * - each look: the SHA-1 of the next 500 definitions, and the number of all keys, whose change calls for a SCAN,
 * - a full list: every definition and a SCAN, after each reconnect and every `fullListMs`.
 */
export class JobIndex {
  readonly #connection: RedisConnection
  readonly #fullListMs: number
  /** Ids with the SHA-1 of their definition. */
  #known = new Map<string, string>()
  /** Generation that `#known` belongs to; undefined when it must be read anew. */
  #generation: string | null | undefined
  /** Generation that the messages since then lead to without a gap. */
  #told: string | null | undefined
  #suspects = new Set<string>()
  #full = true
  #fullAt = 0
  #scannedAt = 0
  #scanMs = 0
  /** Number of all keys at the last SCAN that a look has made. */
  #size = SCAN_DUE
  #next = 0

  constructor(connection: RedisConnection, fullListMs: number) {
    this.#connection = connection
    this.#fullListMs = fullListMs
  }

  /** Makes the next index a full one: something may have been missed. */
  doubt(): void {
    this.#full = true
  }

  /** A definition that may have changed. */
  suspect(id: string): void {
    this.#suspects.add(id)
  }

  /** A write that was told as `before after id`. */
  told(message: string): void {
    const [before, after, id] = message.split(' ')
    if (before === undefined || after === undefined || id === undefined) return
    this.#suspects.add(id)
    this.#told = this.#told !== undefined && this.#told === before ? after : undefined
  }

  /** Whether anything may have changed since the last index. */
  async changed(): Promise<boolean> {
    const ids = this.#nextIds()
    const definitions = ids.map((id) => keys.jobs + id)
    const [generation, size, ...found] = await this.#connection.run<[string | null, number, ...string[]]>(
      LOOK,
      [keys.generation, ...definitions],
      [this.#expected(ids)],
    )
    for (const [i, sha] of found.entries()) {
      const id = ids[i]
      if (id !== undefined && sha !== this.#known.get(id)) this.#suspects.add(id)
    }
    if (found.includes(ABSENT)) this.#size = SCAN_DUE
    if (size !== this.#size && this.#mayScan()) {
      this.#size = size
      await this.#scan()
    }
    return this.#full || this.#suspects.size > 0 || generation === null || generation !== this.#generation
  }

  /** Every id with the SHA-1 of its definition. The map is the index's own. */
  async current(): Promise<Map<string, string>> {
    const full = this.#full || performance.now() - this.#fullAt >= this.#fullListMs
    this.#full = false
    try {
      if (full) await this.#readAll()
      else await this.#readChanges()
    } catch (error) {
      this.#full = true
      throw error
    }
    return this.#known
  }

  /** Looks at the suspects only, when the messages explain every write since the last time. */
  async #readChanges(): Promise<void> {
    const suspects = this.#takeSuspects()
    const explained = this.#told ?? this.#generation
    const generation = await this.#verify(suspects)
    if (generation === null || generation !== explained) await this.#readIndex(suspects)
    else {
      this.#generation = generation
      this.#told ??= generation
    }
  }

  async #readAll(): Promise<void> {
    await this.#scan()
    await this.#readIndex(this.#takeSuspects())
    await this.#verify([...this.#known.keys()])
    this.#fullAt = performance.now()
  }

  /** Takes over the index, and looks at the definitions it may be wrong about. */
  async #readIndex(suspects: readonly string[]): Promise<void> {
    const [generation, index] = await this.#connection.run<[string | null, string[]]>(
      INDEX,
      [keys.generation, keys.jobIndex],
      [],
    )
    const known = new Map<string, string>()
    for (let i = 0; i + 1 < index.length; i += 2) {
      const [id = '', sha = ''] = index.slice(i, i + 2)
      known.set(id, sha.replace('~', ''))
    }
    const missing = [...this.#known.keys()].filter((id) => !known.has(id))
    this.#known = known
    this.#generation = generation
    this.#told = generation
    await this.#verify([...new Set([...suspects, ...missing])])
  }

  #takeSuspects(): string[] {
    const suspects = [...this.#suspects]
    this.#suspects.clear()
    return suspects
  }

  /** Returns the generation. */
  async #verify(ids: readonly string[]): Promise<string | null | undefined> {
    let generation: string | null | undefined = this.#generation
    for (const batch of ids.length === 0 ? [[]] : batches(ids)) {
      const definitions = batch.map((id) => keys.jobs + id)
      const [current, ...found] = await this.#connection.run<[string | null, ...string[]]>(
        VERIFY,
        [keys.generation, keys.jobIndex, ...definitions],
        [this.#expected(batch), ...batch],
      )
      generation = current
      for (const [i, sha] of found.entries()) {
        const id = batch[i]
        if (id === undefined) continue
        if (sha === ABSENT) this.#known.delete(id)
        else this.#known.set(id, sha)
      }
    }
    return generation
  }

  /** What the server compares with, so that it need not answer with what is known. */
  #expected(ids: readonly string[]): string {
    return hash('sha1', ids.map((id) => this.#known.get(id) ?? ABSENT).join(' '), 'hex')
  }

  async #scan(): Promise<void> {
    const began = performance.now()
    const found = await prefixedIds(this.#connection, keys.jobs)
    for (const id of found) if (!this.#known.has(id)) this.#suspects.add(id)
    this.#scannedAt = performance.now()
    this.#scanMs = this.#scannedAt - began
  }

  /** A SCAN of a large database is not repeated before a hundred times its own duration. */
  #mayScan(): boolean {
    return performance.now() - this.#scannedAt >= Math.min(100 * this.#scanMs, this.#fullListMs)
  }

  #nextIds(): string[] {
    const ids = [...this.#known.keys()]
    if (ids.length <= BATCH) return ids
    const slice = ids.slice(this.#next, this.#next + BATCH)
    this.#next = this.#next + BATCH >= ids.length ? 0 : this.#next + BATCH
    return slice
  }
}
