import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { JobList, ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { JobRecords } from '#storage/rules/job-records.ts'
import { jobRevision, storedJob } from '#storage/rules/revision.ts'
import { runFromDocument, runToDocument } from '#storage/rules/run-document.ts'
import type { RedisConnection } from './connection.ts'
import { serverTime } from './connection.ts'
import { corrupt, readStored } from './corrupt.ts'
import { JOB_OF, LOAD, PRUNE, READ, UNSETTLED, WRITE } from './job-scripts.ts'
import { jobFromText, jobToText } from './job-text.ts'
import { changesChannel, keys } from './keys.ts'
import { prefixedIds } from './scan.ts'
import { token } from './schema.ts'
import { stateFromText, stateToText } from './state-text.ts'
import { allTexts } from './texts.ts'

/** How many jobs or runs one script reads: it holds up every other client meanwhile. */
export const BATCH = 500

/** What stands for "absent" where a version or hash is expected. */
const NONE = '-'

/** The records of jobs. A version names the state, the text of the definition, and its revision, as they were read. */
export function redisJobRecords(connection: RedisConnection): JobRecords {
  return {
    backend: 'redis',
    now: () => connection.now(),

    async read(jobId) {
      const [text, hashed, stateText, seconds, micros] = await connection.run<
        [string | null, string, string | null, string, string]
      >(READ, [keys.jobs + jobId, keys.states], [jobId])
      const { job, unreadable } = definitionOf(jobId, text, hashed)
      const stored = stateText === null ? undefined : stateFromText(jobId, stateText)
      const revision = job ? jobRevision(job) : unreadable ? 'unreadable' : 'absent'
      const version = `${stored?.version ?? NONE} ${hashed} ${revision}`
      return { job, ...(unreadable && { unreadable }), state: stored?.state, version, now: serverTime(seconds, micros) }
    },

    async write(jobId, { version = NONE, expectJob, job, state, runs = [] }) {
      const [stateVersion = NONE, hashed = '*', revision] = version.split(' ')
      if (expectJob !== undefined && expectJob !== revision) return false
      const put = job !== undefined && job !== 'remove'
      const written = await connection.run<number>(
        WRITE,
        [keys.jobs + jobId, keys.jobIndex, keys.states, keys.generation, keys.runs, keys.runOrder, keys.runsOf + jobId],
        [
          jobId,
          stateVersion,
          expectJob === undefined && job === undefined ? '*' : hashed,
          put ? 'put' : (job ?? ''),
          put ? jobToText(job.put) : '',
          typeof state === 'object' ? 'put' : (state ?? ''),
          typeof state === 'object' ? stateToText(token(), state) : '',
          changesChannel(connection.address.db),
          token(),
          ...runs.flatMap((run) => [run.id, run.scheduledFor.getTime(), runToText(run)]),
        ],
      )
      return written === 1
    },

    async jobs() {
      const ids = await connection.call<string[]>('HKEYS', keys.jobIndex)
      const found = await prefixedIds(connection, keys.jobs)
      const list = await loadJobs(connection, [...found.union(new Set(ids))])
      list.jobs.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
      return list
    },

    async states() {
      const states = new Map<string, JobState>()
      for (const [id, text] of await allTexts(connection, keys.states)) states.set(id, stateFromText(id, text).state)
      return states
    },

    async jobIds() {
      const [states, runs] = await Promise.all([
        connection.call<string[]>('HKEYS', keys.states),
        prefixedIds(connection, keys.runsOf),
      ])
      return [...states, ...runs]
    },

    async jobOf(runId) {
      return (await connection.run<string | null>(JOB_OF, [keys.runs], [runId])) ?? undefined
    },

    async run(runId) {
      const text = await connection.call<string | null>('HGET', keys.runs, runId)
      return text === null ? undefined : runFromText(runId, text)
    },

    async history({ jobId, limit }) {
      const order = jobId === undefined ? keys.runOrder : keys.runsOf + jobId
      const ids = await connection.call<string[]>('ZREVRANGE', order, 0, limit > 0 ? limit - 1 : -1)
      const runs: JobRun[] = []
      for (const batch of batches(ids)) {
        const texts = await connection.call<(string | null)[]>('HMGET', keys.runs, ...batch)
        for (const [i, id] of batch.entries()) {
          const text = texts[i]
          if (typeof text === 'string') runs.push(runFromText(id, text))
        }
      }
      return runs
    },

    async prune(jobId, keep, except) {
      return await connection.run<number>(PRUNE, [keys.runOrder, keys.runsOf + jobId, keys.runs], [keep, ...except])
    },
  }
}

/** Those of the given jobs that exist, joined with their states; in no order. */
export async function loadJobs(connection: RedisConnection, ids: readonly string[]): Promise<JobList> {
  const jobs: StoredJob[] = []
  const unreadable: JobList['unreadable'] = []
  for (const batch of batches(ids)) {
    const definitions = batch.map((id) => keys.jobs + id)
    const found = await connection.run<(string | null)[]>(LOAD, [keys.states, ...definitions], batch)
    for (const [i, id] of batch.entries()) {
      const [text, hashed, state] = found.slice(3 * i, 3 * i + 3)
      if (typeof text !== 'string' || typeof hashed !== 'string') continue
      try {
        const job = jobFromText(id, text, hashed)
        jobs.push(storedJob(job, typeof state === 'string' ? stateFromText(id, state).state : undefined))
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        unreadable.push({ id, error })
      }
    }
  }
  return { jobs, unreadable }
}

/** States that carry a run. The others, nearly all of them, stay where they are: each daemon asks every few seconds. */
export async function unsettledStates(connection: RedisConnection): Promise<Map<string, JobState>> {
  const states = new Map<string, JobState>()
  let cursor = '0'
  do {
    const [next, ...found] = await connection.run<[string, ...string[]]>(UNSETTLED, [keys.states], [cursor])
    for (let i = 0; i + 1 < found.length; i += 2) {
      const [id = '', text = ''] = found.slice(i, i + 2)
      states.set(id, stateFromText(id, text).state)
    }
    cursor = next
  } while (cursor !== '0')
  return states
}

function definitionOf(
  id: string,
  text: string | null,
  hashed: string,
): { job: ScheduledJob | undefined; unreadable?: StorageError } {
  if (text === null) return { job: undefined }
  try {
    return { job: jobFromText(id, text, hashed) }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return { job: undefined, unreadable: error }
  }
}

export function* batches<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i += BATCH) yield items.slice(i, i + BATCH)
}

function runToText(run: JobRun): string {
  return `${run.jobId} ${JSON.stringify(runToDocument(run))}`
}

function runFromText(id: string, text: string): JobRun {
  const blank = text.indexOf(' ')
  const key = `run ${id} (${keys.runs})`
  if (blank < 0) throw corrupt(key, 'it has another form')
  return readStored(key, text.slice(blank + 1), runFromDocument)
}
