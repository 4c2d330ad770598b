import { setImmediate as turn } from 'node:timers/promises'
import { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { JobList, ScheduledJob, ScheduledJobStorage, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { jobDefinition } from '#storage/rules/job-document.ts'
import { type JobRecord, type JobRecords, type JobWrite, transact } from '#storage/rules/job-records.ts'
import { decideSave } from '#storage/rules/job-storage.ts'
import { jobRevision, storedJob } from '#storage/rules/revision.ts'
import { byNewestRun } from '#storage/rules/run-document.ts'
import { freshState, isOpen } from '#storage/rules/run-transitions.ts'
import type { Definition, JobDefinitions } from './job-definitions.ts'
import type { JobFile } from './job-file.ts'
import { isOld, type JobStates, readable, type StateBody, type StateRecord, versionOf } from './job-states.ts'
import { type Locks, lockDigit } from './locks.ts'
import { byNewestEntry, entryOf, outcomeOf, runsOf } from './record-runs.ts'
import { both } from './replace-file.ts'
import type { HistoryEntry, RunHistory } from './run-history.ts'
import { syncDirectory } from './sync.ts'

/** Jobs that `trackNew` holds a lock for. */
const TRACKED_AT_ONCE = 250

/** What a write made of a record. */
interface Committed {
  before: JobState | undefined
  next: JobState | undefined
  settled: readonly JobRun[]
}

/** A job as it was read. */
interface Seen {
  before: StateRecord | undefined
  /** Undefined when it cannot be read, which `unreadable` says. */
  definition: Definition | undefined
  unreadable: StorageError | undefined
}

interface Places {
  readonly definitions: JobDefinitions
  readonly states: JobStates
  readonly history: RunHistory
  readonly locks: Locks
  readonly lockDirectory: string
  readonly readOnly?: boolean | undefined
}

/**
 * Definitions in files that people edit, states in numbered records, settled runs in files.
 *
 * A write is committed by the link of the next state. What belongs to it comes in this order, so that a process killed
 * at any point leaves the old or the new record, and nothing between:
 *
 * 1. With a definition to check or to change: the job's lock, then the check of the revision. Saves hold the same lock,
 *    so no definition changes between the check and the link; an edit by hand in that moment counts as one after it.
 * 2. The new definition as a complete temporary file, and a note which job a new run belongs to.
 * 3. The link. It carries the runs that it settles.
 * 4. The rename, or removal, of the definition. Killed before it: a save was not acknowledged, and the state that
 *    does not fit the old definition starts anew (`track`); a run_once definition that was claimed is known by
 *    `onceClaimed`, is neither listed nor claimed, and goes with the next transition of its run.
 * 5. Files for the settled runs, from the record. Killed before it: readers take them from the record, and the next
 *    write makes the files first, because its link lets the record be pruned.
 * 6. The outcome of the last run in the definition's file, as people are used to; not if it changed meanwhile.
 *
 * Transitions of runs take no lock unless they check the definition.
 */
export class FileJobRecords implements JobRecords {
  readonly backend = 'jsonl'
  readonly #places: Places

  constructor(places: Places) {
    this.#places = places
  }

  async now(): Promise<Date> {
    return new Date()
  }

  async read(jobId: string): Promise<JobRecord> {
    await turn()
    return this.#recordOf(this.#look(jobId))
  }

  async jobs(): Promise<JobList> {
    await turn()
    const { definitions } = this.#places
    const { jobs, unreadable } = await this.load(definitions.names())
    jobs.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
    return { jobs, unreadable }
  }

  /** Those of the given jobs that exist. */
  async load(ids: readonly string[]): Promise<{ jobs: StoredJob[]; unreadable: JobList['unreadable'] }> {
    const { definitions, states } = this.#places
    const files = await definitions.readAll(ids)
    const all = ids.length > 100 ? states.all() : undefined
    const result: { jobs: StoredJob[]; unreadable: JobList['unreadable'] } = { jobs: [], unreadable: [] }
    for (const [id, file] of files) {
      try {
        if (file instanceof StorageError) throw file
        const record = all ? all.get(id) : states.read(id)
        if (record instanceof StorageError) throw record
        if (!isLeftover(file.job, record?.body.state)) result.jobs.push(joined(file, record?.body.state))
      } catch (error) {
        result.unreadable.push({ id, error: error as StorageError })
      }
    }
    return result
  }

  /** A definition with the outcome of its last run; undefined when there is none. */
  async stored(jobId: string): Promise<StoredJob | undefined> {
    await turn()
    const record = this.#places.states.read(jobId)
    const { file } = this.#definition(jobId, record)
    return file && !isLeftover(file.job, record?.body.state) ? joined(file, record?.body.state) : undefined
  }

  /** Whether there is a file for it, readable or not. */
  has(jobId: string): boolean {
    return this.#places.definitions.token(jobId) !== undefined
  }

  /** Takes in a job from elsewhere; its cursor is now. False when the id is taken. */
  async takeIn(job: ScheduledJob, outcome: Pick<JobState, 'lastRun' | 'lastError'>): Promise<boolean> {
    const { lastRun, lastError } = outcome
    for (;;) {
      if (this.has(job.id)) return false
      const record = await this.read(job.id)
      const state: JobState = {
        ...freshState(job, record.now, record.state),
        ...(lastRun && { lastRun }),
        ...(lastError !== undefined && { lastError }),
      }
      const write: JobWrite = { version: record.version, expectJob: 'absent', job: { put: job }, state }
      if (await this.write(job.id, write)) return true
    }
  }

  /** `save` of `ScheduledJobStorage`; all of it under the job's lock, so that nothing is read twice. */
  async save(given: ScheduledJob, options?: Parameters<ScheduledJobStorage['save']>[1]): Promise<StoredJob> {
    const job = jobDefinition(given)
    const decide = decideSave(this.backend, job, options)
    return await this.#locked(job.id, async () => {
      let seen: Seen | undefined
      const locked: Parameters<typeof transact>[0] = {
        backend: this.backend,
        read: async () => {
          seen = this.#look(job.id)
          return this.#recordOf(seen)
        },
        write: async (_, write) => {
          const done = await this.#commit(job.id, write, seen ?? this.#look(job.id))
          for (const run of done?.settled ?? []) await this.#places.history.keep(run)
          return done !== undefined
        },
      }
      const saved = await transact(locked, job.id, decide)
      const { lastRun, lastError } = seen?.definition?.file ?? {}
      if (saved.lastRun || saved.lastError !== undefined) return saved
      return { ...saved, ...(lastRun && { lastRun }), ...(lastError !== undefined && { lastError }) }
    })
  }

  /**
   * `track` for jobs that have no state yet, many at a time; those whose definition is gone or cannot be read, or that
   * somebody else was first with, are left out. Durable.
   */
  async trackNew(ids: readonly string[]): Promise<Map<string, JobState>> {
    const tracked = new Map<string, JobState>()
    if (ids.length === 0) return tracked
    for (const group of Map.groupBy(ids, lockDigit).values()) {
      for (let from = 0; from < group.length; from += TRACKED_AT_ONCE) {
        const some = group.slice(from, from + TRACKED_AT_ONCE)
        await this.#locked(some[0] ?? '', () => this.#trackSome(some, tracked))
        await turn()
      }
    }
    await this.#places.states.syncAll()
    return tracked
  }

  /** All of these jobs have the same lock, which is held. */
  async #trackSome(ids: readonly string[], tracked: Map<string, JobState>): Promise<void> {
    const bodies = new Map<string, StateBody & { state: JobState }>()
    for (const id of ids) {
      const { before, definition } = this.#look(id)
      const job = definition?.file?.job
      if (job && !before) bodies.set(id, { state: freshState(job, new Date(), undefined), settled: [] })
    }
    const made = await this.#places.states.createAll(bodies)
    for (const [id, { state }] of bodies) if (made.has(id)) tracked.set(id, state)
  }

  async states(): Promise<Map<string, JobState>> {
    await turn()
    const states = new Map<string, JobState>()
    for (const [jobId, record] of readable(this.#places.states.all())) {
      if (record.body.state) states.set(jobId, record.body.state)
      else if (isOld(record) && !this.#places.readOnly) await this.#forget(jobId, record)
    }
    return states
  }

  async jobIds(): Promise<string[]> {
    const states = [...this.#places.states.all()].filter(
      ([, record]) =>
        record instanceof StorageError || record.body.state !== undefined || record.body.settled.length > 0,
    )
    return [...states.map(([id]) => id), ...this.#places.history.jobIds()]
  }

  async jobOf(runId: string): Promise<string | undefined> {
    const { history, states } = this.#places
    const noted = history.noted(runId)
    if (noted !== undefined) return noted
    for (const [jobId, record] of states.all()) {
      if (!(record instanceof StorageError) && runsOf(record).has(runId)) return jobId
    }
    return history.entries().find((entry) => entry.runId === runId)?.jobId
  }

  async run(runId: string): Promise<JobRun | undefined> {
    await turn()
    const { history, states } = this.#places
    const jobId = await this.jobOf(runId)
    if (jobId === undefined) return undefined
    const current = runsOf(states.read(jobId)).get(runId)
    if (current) return current
    const entry = history.entries(jobId).find((one) => one.runId === runId)
    return entry && history.load(entry)
  }

  async history({ jobId, limit }: { jobId?: string; limit: number }): Promise<JobRun[]> {
    await turn()
    const { history } = this.#places
    const current = this.#currentRuns(jobId)
    const candidates = new Map<string, HistoryEntry>()
    for (const entry of history.entries(jobId)) candidates.set(entry.runId, entry)
    for (const run of current.values()) candidates.set(run.id, entryOf(run))
    const newest = [...candidates.values()].sort(byNewestEntry)
    const runs: JobRun[] = []
    for (const entry of newest) {
      if (limit > 0 && runs.length >= limit) break
      const run = current.get(entry.runId) ?? history.load(entry)
      if (run) runs.push(run)
    }
    return runs.sort(byNewestRun)
  }

  async prune(jobId: string, keep: number, except: ReadonlySet<string>): Promise<number> {
    const { history, states } = this.#places
    for (;;) {
      const record = states.read(jobId)
      await this.#complete(record)
      const known = new Map(history.entries(jobId).map((entry) => [entry.runId, entry]))
      const open = (record?.body.state?.runs ?? []).map(entryOf)
      for (const entry of open) if (!known.has(entry.runId)) known.set(entry.runId, entry)
      const old = [...known.values()].sort(byNewestEntry).slice(keep)
      const victims = old.filter(({ runId }) => !except.has(runId) && !open.some((one) => one.runId === runId))
      // The next write would make the files anew from a record that still carries these runs.
      const carried = record?.body.settled.some((run) => victims.some((victim) => victim.runId === run.id))
      if (carried) {
        const emptied = await states.prepare(jobId, record, { state: record?.body.state, settled: [] })
        if (!emptied.commit()) continue
        await emptied.sync()
      }
      for (const victim of victims) history.remove(victim)
      return victims.length
    }
  }

  async write(jobId: string, write: JobWrite): Promise<boolean> {
    const locks = write.expectJob !== undefined || write.job !== undefined
    const step = () => this.#commit(jobId, write)
    const done = await (locks ? this.#locked(jobId, step) : step())
    if (!done) return false
    for (const run of done.settled) await this.#places.history.keep(run)
    if (write.job === undefined) await this.#refreshOutcome(jobId, done.before, done.next)
    return true
  }

  #look(jobId: string): Seen {
    const before = this.#places.states.read(jobId)
    try {
      return { before, definition: this.#definition(jobId, before), unreadable: undefined }
    } catch (error) {
      if (error instanceof StorageError) return { before, definition: undefined, unreadable: error }
      throw error
    }
  }

  #recordOf({ before, definition, unreadable }: Seen): JobRecord {
    const rest = { state: before?.body.state, version: versionOf(before), now: new Date() }
    return { job: definition?.file?.job, ...rest, ...(unreadable && { unreadable }) }
  }

  /** Steps 1 to 4; undefined when the write does not stand. `seen`: what was read under the lock that is still held. */
  async #commit(jobId: string, write: JobWrite, seen?: Seen): Promise<Committed | undefined> {
    const { definitions, states, history } = this.#places
    const before = seen ? seen.before : states.read(jobId)
    const needed = write.expectJob !== undefined || write.job !== undefined
    const definition = seen?.definition ?? (needed ? this.#definition(jobId, before) : undefined)
    if (versionOf(before) !== write.version || !this.#stands(write, before, definition)) return undefined
    await this.#complete(before)
    const { next, settled } = outcomeOf(write, before?.body.state)
    const links = write.state !== undefined || settled.length > 0
    const put = typeof write.job === 'object' ? write.job.put : undefined
    const [file, state] = await both(
      put && definitions.prepare(put, definition),
      links ? states.prepare(jobId, before, { state: next, settled }) : undefined,
    )
    try {
      for (const run of next?.runs ?? []) if (isOpen(run)) history.note(run.id, jobId)
      if (state && !state.commit()) return undefined
      if (write.job === 'remove') {
        await state?.sync()
        await definitions.remove(jobId)
      } else {
        file?.commit()
        await Promise.all([state?.sync(), file && syncDirectory(definitions.directory)])
      }
      return { before: before?.body.state, next, settled }
    } finally {
      file?.discard()
      state?.discard()
    }
  }

  /** Whether the definition is the one that a write was decided on. Nothing is claimed while the directory is gone. */
  #stands(write: JobWrite, record: StateRecord | undefined, definition: Definition | undefined): boolean {
    const known = new Set(record?.body.state?.runs.map((run) => run.id))
    const claims = write.runs?.some((run) => isOpen(run) && !known.has(run.id))
    if (claims && this.#places.definitions.vanished()) throw this.#gone()
    if (write.expectJob === undefined) return true
    const job = definition?.file?.job
    return (job ? jobRevision(job) : 'absent') === write.expectJob
  }

  /** Finishes what a killed writer of this record left to do. */
  async #complete(record: StateRecord | undefined): Promise<void> {
    for (const run of record?.body.settled ?? []) await this.#places.history.keep(run)
  }

  /** Throws E_CORRUPT, and E_UNAVAILABLE when the file may not be read or the directory of a known job is gone. */
  #definition(jobId: string, record: StateRecord | undefined): Definition {
    const { definitions } = this.#places
    const definition = definitions.read(jobId)
    if (!definition.file && record?.body.state && definitions.vanished()) throw this.#gone()
    return definition
  }

  #gone(): StorageError {
    const message = `the directory of schedules ${this.#places.definitions.directory} is gone`
    return new StorageError('E_UNAVAILABLE', 'jsonl', message, { hint: 'bring it back, or make an empty one' })
  }

  /** Best effort: the scheduling state is what counts, the file only shows it. */
  async #refreshOutcome(jobId: string, before: JobState | undefined, after: JobState | undefined): Promise<void> {
    const isSame = before?.lastRun?.getTime() === after?.lastRun?.getTime() && before?.lastError === after?.lastError
    if (!after || isSame) return
    const { definitions } = this.#places
    try {
      if (definitions.read(jobId).text === undefined) return
      await this.#locked(jobId, () => definitions.putOutcome(jobId, after.lastRun, after.lastError))
    } catch {
      // The run has ended and that is stored; a file that cannot be changed now shows its old outcome.
    }
  }

  #currentRuns(jobId: string | undefined): Map<string, JobRun> {
    const { states } = this.#places
    if (jobId !== undefined) return runsOf(states.read(jobId))
    const runs = new Map<string, JobRun>()
    for (const record of readable(states.all()).values()) {
      for (const [id, run] of runsOf(record)) runs.set(id, run)
    }
    return runs
  }

  async #forget(jobId: string, record: StateRecord): Promise<void> {
    await this.#complete(record)
    this.#places.states.forget(jobId, record)
  }

  #locked<T>(jobId: string, use: () => Promise<T>): Promise<T> {
    const { locks, lockDirectory } = this.#places
    return locks.hold(`${lockDirectory}/jobs-${lockDigit(jobId)}.lock`, use)
  }
}

/** Whether a definition was consumed by a claim whose process was killed before it removed the file. */
function isLeftover(job: ScheduledJob, state: JobState | undefined): boolean {
  return job.runOnce && state?.onceClaimed?.getTime() === job.createdAt.getTime()
}

/** The outcome of the last run is the state's; before its first run ours, it is what the file says. */
function joined(file: JobFile, state: JobState | undefined): StoredJob {
  return storedJob(file.job, state?.lastRun || state?.lastError !== undefined ? state : file)
}
