import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { JobList, ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { parseObject } from '#storage/rules/fields.ts'
import { jobFromDocument, jobToDocument } from '#storage/rules/job-document.ts'
import type { JobRecord, JobRecords, JobWrite } from '#storage/rules/job-records.ts'
import { jobRevision, storedJob } from '#storage/rules/revision.ts'
import {
  byNewestRun,
  runFromDocument,
  runToDocument,
  stateFromDocument,
  stateToDocument,
} from '#storage/rules/run-document.ts'
import type { WatchSource } from '#storage/rules/watch.ts'

interface Stored {
  job?: string
  state?: { text: string; version: string }
}

/** Definitions, scheduling states and runs of this process. Each method is one step: nothing in it waits. */
export class MemoryJobRecords implements JobRecords {
  readonly backend = 'memory'
  readonly #stored = new Map<string, Stored>()
  readonly #runs = new Map<string, { jobId: string; text: string }>()
  readonly #listeners = new Set<() => void>()
  #writes = 0
  #generation = 0

  async now(): Promise<Date> {
    return new Date()
  }

  async read(jobId: string): Promise<JobRecord> {
    const stored = this.#stored.get(jobId)
    return { job: jobOf(stored), state: stateOf(stored), version: stored?.state?.version, now: new Date() }
  }

  async write(jobId: string, write: JobWrite): Promise<boolean> {
    return this.writeNow(jobId, write)
  }

  /** `write` without a promise, for steps that change more than one record. */
  writeNow(jobId: string, write: JobWrite): boolean {
    const stored = this.#stored.get(jobId) ?? {}
    if (stored.state?.version !== write.version) return false
    if (write.expectJob !== undefined) {
      const job = jobOf(stored)
      if ((job ? jobRevision(job) : 'absent') !== write.expectJob) return false
    }
    this.#writes += 1
    const next: Stored = { ...stored }
    if (write.job === 'remove') delete next.job
    else if (write.job) next.job = JSON.stringify(jobToDocument(write.job.put))
    if (write.state === 'remove') delete next.state
    else if (write.state) {
      next.state = { text: JSON.stringify(stateToDocument(write.state)), version: String(this.#writes) }
    }
    for (const run of write.runs ?? []) this.#runs.set(run.id, { jobId, text: JSON.stringify(runToDocument(run)) })
    if (next.job === undefined && next.state === undefined) this.#stored.delete(jobId)
    else this.#stored.set(jobId, next)
    if (next.job !== stored.job) this.#announce()
    return true
  }

  async jobs(): Promise<JobList> {
    const jobs = this.#joined([...this.#stored.keys()])
    jobs.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
    return { jobs, unreadable: [] }
  }

  async states(): Promise<Map<string, JobState>> {
    const states = new Map<string, JobState>()
    for (const [id, stored] of this.#stored) {
      const state = stateOf(stored)
      if (state) states.set(id, state)
    }
    return states
  }

  async jobIds(): Promise<string[]> {
    const withState = [...this.#stored].filter(([, stored]) => stored.state !== undefined)
    return [...withState.map(([id]) => id), ...[...this.#runs.values()].map(({ jobId }) => jobId)]
  }

  async jobOf(runId: string): Promise<string | undefined> {
    return this.#runs.get(runId)?.jobId
  }

  async run(runId: string): Promise<JobRun | undefined> {
    const stored = this.#runs.get(runId)
    return stored && runFromDocument(parseObject(stored.text))
  }

  async history({ jobId, limit }: { jobId?: string; limit: number }): Promise<JobRun[]> {
    const runs = this.#history(jobId)
    return limit > 0 ? runs.slice(0, limit) : runs
  }

  async prune(jobId: string, keep: number, except: ReadonlySet<string>): Promise<number> {
    const old = this.#history(jobId)
      .slice(keep)
      .filter((run) => !except.has(run.id))
    for (const run of old) this.#runs.delete(run.id)
    return old.length
  }

  /** What a new watch looks at; hints are broadcast to every listener of this process. */
  watchSource(): WatchSource {
    let seen: number | undefined
    return {
      backend: 'memory',
      listen: async (hint) => {
        this.#listeners.add(hint)
        return { [Symbol.asyncDispose]: async () => void this.#listeners.delete(hint) }
      },
      changed: async () => {
        const changed = seen !== this.#generation
        seen = this.#generation
        return changed
      },
      index: async () => {
        const jobs = [...this.#stored].filter(([, stored]) => stored.job !== undefined)
        return new Map(jobs.map(([id, stored]) => [id, stored.job as string]))
      },
      load: async (ids) => ({ jobs: this.#joined(ids), unreadable: [] }),
    }
  }

  #announce(): void {
    this.#generation += 1
    for (const hint of this.#listeners) hint()
  }

  #joined(ids: readonly string[]): StoredJob[] {
    return ids.flatMap((id) => {
      const stored = this.#stored.get(id)
      const job = jobOf(stored)
      return job ? [storedJob(job, stateOf(stored))] : []
    })
  }

  #history(jobId: string | undefined): JobRun[] {
    return [...this.#runs.values()]
      .filter((stored) => jobId === undefined || stored.jobId === jobId)
      .map((stored) => runFromDocument(parseObject(stored.text)))
      .sort(byNewestRun)
  }
}

function jobOf(stored: Stored | undefined): ScheduledJob | undefined {
  return stored?.job === undefined ? undefined : jobFromDocument(parseObject(stored.job))
}

function stateOf(stored: Stored | undefined): JobState | undefined {
  return stored?.state && stateFromDocument(parseObject(stored.state.text))
}
