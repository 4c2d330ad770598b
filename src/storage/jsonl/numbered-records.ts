import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import type { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { field, parseObject } from '#storage/rules/fields.ts'
import { digest } from '#storage/rules/revision.ts'
import { corrupt, ioError, isMissing, statOf } from './io-error.ts'
import { prepareFile, prepareFiles, removeQuietly, sweepTemporaries, unique } from './replace-file.ts'
import { syncDirectory } from './sync.ts'

/** One state of a record. */
export interface Stored<T> {
  readonly number: number
  readonly token: string
  /** Tokens of the numbers before this one, the nearest first. */
  readonly trail: readonly string[]
  /** When it was written, in ms. */
  readonly at: number
  readonly body: T
}

/** How a body stands in the files. `decode` throws DocumentError. */
export interface Codec<T> {
  encode(body: T): JsonObject
  decode(document: JsonObject): T
}

/** A state that is written but not yet the state. */
export interface PreparedRecord<T> {
  /** Links it. Undefined when somebody else was first. */
  commit(): Stored<T> | undefined
  /** Makes the link survive a power loss. */
  sync(): Promise<void>
  /** Removes it unless it was linked. */
  discard(): void
}

const TRAIL = 16
const SHARD = /^[0-9a-f]{2}$/
/** A shard is trusted to be unchanged when its modification time is the same and was this old, in ms, when it was listed. */
const SETTLED_MS = 100

/**
 * Records that change by compare-and-set, without a lock.
 *
 * Layout: `<directory>/<2 hex digits of the digest of the name>/<name>@<number>`, each file
 * `{"token", "trail", "at", "body"}`. A file never changes; the highest number is the state. A transition links the
 * next number from a complete temporary file: of any number of racers one wins, the others find the name taken.
 *
 * Older numbers are pruned, so a writer that slept for long could link a number that others have passed and pruned.
 * So a writer lists again after its link: when there is a higher number, the trail there tells whether it was built
 * on this writer's token; if not, the writer has lost.
 */
export class NumberedRecords<T> {
  readonly #directory: string
  readonly #codec: Codec<T>
  readonly #readOnly: boolean
  readonly #shards = new Map<string, { mtimeNs: bigint; records: Map<string, Stored<T> | StorageError> }>()

  constructor(directory: string, codec: Codec<T>, readOnly = false) {
    this.#readOnly = readOnly
    this.#directory = normalize(directory)
    this.#codec = codec
  }

  /** The state of one record; undefined when there never was one. Throws E_CORRUPT. */
  read(name: string): Stored<T> | undefined {
    const shard = this.#shardOf(name)
    for (;;) {
      const number = Math.max(0, ...this.#numbers(shard, name))
      if (number === 0) return undefined
      const stored = this.#load(shard, name, number)
      if (stored) return stored
    }
  }

  /** Writes the state after `seen` (undefined: the first). Undefined when somebody else was first. Durable. */
  async replace(name: string, seen: Stored<T> | undefined, body: T): Promise<Stored<T> | undefined> {
    const prepared = await this.prepare(name, seen, body)
    const next = prepared.commit()
    if (next) await prepared.sync()
    return next
  }

  /** The steps of `replace` one by one, for a state that changes together with something else. */
  async prepare(name: string, seen: Stored<T> | undefined, body: T): Promise<PreparedRecord<T>> {
    const shard = this.#shardOf(name)
    const next = successor(seen, body)
    const file = await prepareFile(`${shard}/${name}@${next.number}`, this.#text(next))
    return {
      commit: () => (file.commitNew() && this.#stands(shard, name, next) ? next : undefined),
      sync: () => syncDirectory(shard),
      discard: () => file.discard(),
    }
  }

  /**
   * Writes the first states of many; returns those that nobody else was before. They survive a power loss once
   * `syncAll` is done.
   */
  async createAll(bodies: ReadonlyMap<string, T>): Promise<Set<string>> {
    const states = [...bodies].map(([name, body]) => ({
      name,
      shard: this.#shardOf(name),
      next: successor(undefined, body),
    }))
    const files = await prepareFiles(
      new Map(states.map(({ name, shard, next }) => [`${shard}/${name}@${next.number}`, this.#text(next)])),
    )
    try {
      const made = states.filter(({ name, shard, next }, n) => files[n]?.commitNew() && this.#stands(shard, name, next))
      return new Set(made.map(({ name }) => name))
    } finally {
      for (const file of files) file.discard()
    }
  }

  /** Makes the links of all states survive a power loss. */
  async syncAll(): Promise<void> {
    for (const shard of list(this.#directory)) {
      if (SHARD.test(shard)) await syncDirectory(join(this.#directory, shard))
    }
  }

  #text({ token, trail, at, body }: Stored<T>): string {
    return JSON.stringify({ token, trail, at, body: this.#codec.encode(body) })
  }

  /** Whether a link that succeeded made the state; prunes what is old. */
  #stands(shard: string, name: string, { number, token }: Stored<T>): boolean {
    const numbers = this.#numbers(shard, name)
    const highest = Math.max(...numbers)
    if (highest > number) {
      const later = this.#load(shard, name, highest) ?? this.read(name)
      if (later?.trail[later.number - number - 1] !== token) {
        removeQuietly(join(shard, `${name}@${number}`))
        return false
      }
    }
    for (const old of numbers) if (old < highest - 1) removeQuietly(join(shard, `${name}@${old}`))
    return true
  }

  /** Takes a record away for good. Only for one that nobody has written to for days. */
  forget(name: string, stored: Stored<T>): void {
    if (this.#readOnly) return
    const shard = this.#shardOf(name)
    for (const number of this.#numbers(shard, name)) {
      if (number <= stored.number) removeQuietly(join(shard, `${name}@${number}`))
    }
  }

  /** The states of all records by name; an error stands for one that cannot be read. */
  all(): Map<string, Stored<T> | StorageError> {
    return new Map(this.entries())
  }

  /** What `all` gives, one by one: nothing is made of 10,000 to find a few. */
  *entries(): Generator<[name: string, Stored<T> | StorageError]> {
    for (const shard of list(this.#directory)) {
      if (SHARD.test(shard)) yield* this.#shard(join(this.#directory, shard))
    }
  }

  #shard(shard: string): Map<string, Stored<T> | StorageError> {
    const before = statOf(shard)
    if (!before) return new Map()
    const cached = this.#shards.get(shard)
    if (cached?.mtimeNs === before.mtimeNs) return cached.records
    const settled = Date.now() - Number(before.mtimeMs) > SETTLED_MS
    const names = list(shard)
    if (!this.#readOnly) sweepTemporaries(shard, names)
    const highest = new Map<string, number>()
    for (const file of names) {
      const [name, number] = split(file)
      if (number > (highest.get(name) ?? 0)) highest.set(name, number)
    }
    const records = new Map<string, Stored<T> | StorageError>()
    for (const [name, number] of highest) {
      const known = cached?.records.get(name)
      const stored = known && 'number' in known && known.number === number ? known : this.#attempt(shard, name, number)
      if (stored) records.set(name, stored)
    }
    this.#shards.set(shard, { mtimeNs: settled ? before.mtimeNs : -1n, records })
    return records
  }

  #attempt(shard: string, name: string, number: number): Stored<T> | StorageError | undefined {
    try {
      return this.#load(shard, name, number) ?? this.read(name)
    } catch (error) {
      return error as StorageError
    }
  }

  #shardOf(name: string): string {
    return `${this.#directory}/${digest(name).slice(0, 2)}`
  }

  #numbers(shard: string, name: string): number[] {
    const prefix = `${name}@`
    return list(shard)
      .filter((file) => file.startsWith(prefix))
      .map((file) => split(file)[1])
  }

  /** Undefined when it was pruned meanwhile. */
  #load(shard: string, name: string, number: number): Stored<T> | undefined {
    const path = `${shard}/${name}@${number}`
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if (isMissing(error)) return undefined
      throw ioError(error, path, 'read')
    }
    try {
      const document = parseObject(text)
      return {
        number,
        token: field.text(document, 'token'),
        trail: field.list(document, 'trail').map(String),
        at: field.number(document, 'at'),
        body: this.#codec.decode(field.object(document, 'body')),
      }
    } catch (error) {
      throw corrupt(path, (error as Error).message, error)
    }
  }
}

/** The state after `seen`. */
function successor<T>(seen: Stored<T> | undefined, body: T): Stored<T> {
  const trail = seen ? [seen.token, ...seen.trail].slice(0, TRAIL) : []
  return { number: (seen?.number ?? 0) + 1, token: unique(), trail, at: Date.now(), body }
}

/** Name and number of a file; the number is 0 for one that is no record. */
function split(file: string): [name: string, number: number] {
  const at = file.lastIndexOf('@')
  const number = at > 0 && !file.startsWith('.') ? Number(file.slice(at + 1)) : 0
  return [file.slice(0, at), Number.isSafeInteger(number) ? number : 0]
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw ioError(error, directory, 'list')
  }
}
