import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { raw, sql } from '#storage/sql/statement.ts'
import { destroy } from './connect.ts'
import type { PostgresDatabase } from './database.ts'
import { answered } from './query.ts'
import { JOBS_CHANNEL } from './schema.ts'

/** Between two looks at whether the connection still answers, and how long an answer may take, in ms. */
const HEARTBEAT_MS = 5_000
const ANSWER_MS = 5_000
/** Between two messages to oneself, in ms: a commit each, so not too often. */
const PROBE_MS = 30_000
const MAX_BACKOFF_MS = 5_000

/**
 * Hears the notifications of one database on a connection of its own, and makes a new one when it breaks. A message
 * that it sends itself over another connection shows whether notifications arrive at all: a pooler in transaction
 * mode accepts LISTEN and swallows them.
 */
export class Listener implements AsyncDisposable {
  readonly #db: PostgresDatabase
  readonly #heard: (generation: string | undefined) => void
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #probes = `infer_probe_${randomUUID().replaceAll('-', '')}`
  readonly #done: Promise<void>
  #healthy = false

  /** `heard` is told each new generation, and undefined after each connect: anything may have changed before. Ends with the signal. */
  constructor(db: PostgresDatabase, heard: (generation: string | undefined) => void, signal: AbortSignal) {
    this.#db = db
    this.#heard = heard
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#done = this.#run()
  }

  /** Whether notifications are known to arrive. */
  get healthy(): boolean {
    return this.#healthy
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #run(): Promise<void> {
    let backoff = 50
    while (!this.#signal.aborted) {
      const began = performance.now()
      try {
        const client = await this.#db.connector.connect(0)
        try {
          await this.#hear(client)
        } finally {
          this.#healthy = false
          destroy(client)
        }
      } catch {
        // Whatever it was: the poll goes on, and the next connection is tried.
      }
      if (performance.now() - began > HEARTBEAT_MS) backoff = 50
      await this.#pause(backoff * (0.5 + Math.random() / 2))
      backoff = Math.min(backoff * 2, MAX_BACKOFF_MS)
    }
  }

  /** Returns or throws when the connection is of no use any more. */
  async #hear(client: pg.Client): Promise<void> {
    const ended = new AbortController()
    let probed = ''
    client.on('end', () => ended.abort())
    client.on('error', () => ended.abort())
    client.on('notification', ({ channel, payload }) => {
      if (channel === JOBS_CHANNEL) this.#heard(payload)
      else if (channel === this.#probes && payload === probed) this.#healthy = true
    })
    await answered(client, client.query(`listen ${JOBS_CHANNEL}; listen ${this.#probes}`) as Promise<never>, ANSWER_MS)
    this.#heard(undefined)
    const signal = AbortSignal.any([ended.signal, this.#signal])
    for (let nextProbe = 0; !signal.aborted; ) {
      if (performance.now() >= nextProbe) {
        nextProbe = performance.now() + PROBE_MS
        probed = randomUUID()
        await this.#probe(probed)
        await this.#pause(1_000, signal)
      }
      await this.#pause(HEARTBEAT_MS, signal)
      if (!signal.aborted) await answered(client, client.query('select 1'), ANSWER_MS)
    }
  }

  /** What is not heard until the next one is not heard. */
  async #probe(payload: string): Promise<void> {
    await this.#db.write(sql`select ${raw('pg_notify')}(${this.#probes}, ${payload})`)
  }

  async #pause(ms: number, signal = this.#signal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => {})
  }
}
