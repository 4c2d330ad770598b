/**
 * Another process on the same storage, for tests. Told on stdin, one document a line: first the options, then
 * commands `{id, name, args}`; answers `{id, value}` or `{id, code, message}`. Ends by itself after the end of stdin.
 */
import { createInterface } from 'node:readline'
import { StorageError } from '#storage/contract/errors.ts'
import type { StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { StorageOptions } from '#storage/options.ts'
import { details, entry, request } from '../storage/conformance/samples.ts'
import { decode, encode } from './ndjson.ts'

interface Command {
  id: number
  name: string
  args: unknown[]
}

const COMMANDS: Record<string, (stores: Stores, ...args: never[]) => Promise<unknown>> = {
  save: (stores, ...args: Parameters<Stores['scheduledJobs']['save']>) => stores.scheduledJobs.save(...args),
  delete: (stores, id: string) => stores.scheduledJobs.delete(id),

  claim: (stores, ...args: Parameters<Stores['jobRuns']['claim']>) => stores.jobRuns.claim(...args),

  /** Watches until synced and aborts. */
  async watch(stores) {
    const abort = new AbortController()
    const types: string[] = []
    for await (const change of stores.scheduledJobs.watch({ signal: abort.signal })) {
      types.push(change.type)
      if (change.type === 'synced') abort.abort()
    }
    return types
  },

  /** Tries every fire of the jobs in order; runs and finishes what it gets. Returns what it got. */
  async claimAll(stores, jobs: { stored: StoredJob; cursor: Date }[], fires: number) {
    const got: string[] = []
    for (let n = 1; n <= fires; n++) {
      for (const { stored, cursor } of jobs) {
        const result = await stores.jobRuns.claim(request(stored, new Date(cursor.getTime() + n)))
        if (!result.claimed) continue
        got.push(`${stored.id} ${n}`)
        await stores.jobRuns.start(result.run.id, 1, { pid: process.pid, host: 'host' })
        await stores.jobRuns.finish(result.run.id, 1, { state: 'succeeded' })
      }
    }
    return got
  },

  /** Appends to a conversation and the history until it is killed, and says each number once both are confirmed. */
  async appendForever(stores, id: string) {
    for (let n = 0; ; n++) {
      await stores.conversations.append(id, { expectedLength: n, entries: [entry(`entry ${n}`)], metadata: details() })
      await stores.shellHistory.append(`command ${n}`)
      say({ confirmed: n })
    }
  },

  /** Replaces a conversation of so many entries by one with another text, and says each number once it is confirmed. */
  async replaceForever(stores, id: string, size: number) {
    for (let n = 0; ; n++) {
      const texts = Array.from({ length: size }, () => entry(`version ${n}`))
      const metadata = details({ title: `version ${n}` })
      await stores.conversations.replace(id, { expectedLength: size, entries: texts, metadata })
      say({ confirmed: n })
    }
  },

  /** Creates conversations of three entries, so many at a time. */
  async createForever(stores, size: number) {
    for (let n = 0; ; n++) {
      const batch = Array.from({ length: size }, (_, index) => ({
        metadata: { ...details(), id: `c${n}-${index}`, messageCount: 3 },
        entries: [0, 1, 2].map((one) => entry(`entry ${one}`)),
      }))
      await stores.conversations.createAll(batch)
      say({ confirmed: n })
    }
  },

  /** Appends so many entries to a conversation that others append to as well, and the same to the history. */
  async appendTogether(stores, id: string, name: string, count: number) {
    for (let n = 0; n < count; ) {
      const length = await stores.conversations.load(id).then(
        (loaded) => loaded.entries.length,
        () => 0,
      )
      try {
        const write = { expectedLength: length, entries: [entry(`${name} ${n}`)], metadata: details() }
        await stores.conversations.append(id, write)
      } catch (error) {
        if (!(error instanceof StorageError && error.code === 'E_CONFLICT')) throw error
        continue
      }
      await stores.shellHistory.append(`${name} ${n}`)
      n += 1
    }
  },

  /** Appends one entry of 100,000 characters. */
  appendLarge: (stores, id: string, expectedLength: number) =>
    stores.conversations.append(id, { expectedLength, entries: [entry('x'.repeat(100_000))], metadata: details() }),

  /** Saves and deletes jobs, and claims and finishes their fires, until it is killed. */
  async changeForever(stores, jobs: StoredJob[]) {
    for (let n = 0; ; n++) {
      for (const job of jobs) {
        const saved = await stores.scheduledJobs.save({ ...job, prompt: `${process.pid} ${n}` })
        const now = await stores.jobRuns.now()
        const result = await stores.jobRuns.claim(request(saved, new Date(now.getTime() + 100)))
        if (result.claimed) await stores.jobRuns.finish(result.run.id, 1, { state: 'succeeded' })
        await stores.scheduledJobs.delete(job.id)
      }
      say({ confirmed: n })
    }
  },
}

function say(message: unknown): void {
  process.stdout.write(`${encode(message)}\n`)
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const first = await lines.next()
const options = decode(first.value as string) as StorageOptions
{
  await using stores = await openStores({ ...options, warn: () => {} })
  say({ id: 0, value: 'open' })
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const { id, name, args } = decode(line.value) as Command
    try {
      say({ id, value: await COMMANDS[name]?.(stores, ...(args as never[])) })
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      say({ id, code: error.code, message: error.message })
    }
  }
}
