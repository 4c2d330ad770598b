import { accessSync, constants, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { JsonlOptions } from '#storage/options.ts'
import { coordination } from '#storage/rules/coordination.ts'
import { FileConversations } from './conversations.ts'
import { FileDocuments } from './documents.ts'
import { FileImports } from './imports.ts'
import { ioError, isMissing, statOf } from './io-error.ts'
import { Locks } from './locks.ts'
import { FilePlans } from './plans.ts'
import type { JobDomain } from './scheduled-jobs.ts'
import { FileSessionGroups } from './session-groups.ts'
import { FileShellHistory } from './shell-history.ts'

const FORMAT = 1

/**
 * Opens the files backend. Nothing is made or locked before it is needed, and the code for jobs and locks is loaded
 * then. E_SCHEMA_NEWER when `<runsDir>/format` names a newer format than ours; without that file it is 1.
 */
export async function openJsonl(options: JsonlOptions): Promise<Stores> {
  checkFormat(join(options.runsDir, 'format'))
  const locks = new Locks(options.busyTimeoutMs ?? 10_000)
  const conversations = new FileConversations(options.conversationsDir, locks, options.readOnly)
  const sessionGroups = new FileSessionGroups(options.sessionGroupsFile, locks)
  const plans = new FilePlans(options.plansDir, options.readOnly)
  const shellHistory = new FileShellHistory(options.historyFile)
  let domain: Promise<JobDomain> | undefined
  const jobs = () => {
    domain ??= import('./scheduled-jobs.ts').then(({ openJobs }) => openJobs(options, locks))
    return domain
  }
  const targets = { conversations, sessionGroups, plans, shellHistory, jobs, locks }
  const imports = new FileImports(join(options.runsDir, 'imports'), targets)
  return {
    type: 'jsonl',
    location: options.conversationsDir,
    capabilities: { shared: true, durable: true, multiHost: false },
    conversations,
    sessionGroups,
    plans,
    shellHistory,
    ...jobStores(jobs),
    coordination: {
      ...coordination(new FileDocuments(join(options.runsDir, 'coordination'), options.readOnly)),
      importSources: () => imports.importSources(),
      restoreImports: (source, outcomes) => imports.restoreImports(source, outcomes),
      imported: (source) => imports.imported(source),
      import: (source, records) => imports.import(source, records),
    },
    async health(of?: 'jobs') {
      checkFormat(join(options.runsDir, 'format'))
      for (const path of [options.schedulesDir, options.runsDir]) checkUsable(path)
      if (of === 'jobs') return
      for (const path of [options.conversationsDir, options.plansDir]) checkUsable(path)
    },
    examine: async () => await (await import('./examine.ts')).examineFiles(options),
    async [Symbol.asyncDispose]() {
      shellHistory[Symbol.dispose]()
      await locks[Symbol.asyncDispose]()
    },
  }
}

/** Jobs and runs, whose code is loaded with the first call. */
function jobStores(jobs: () => Promise<JobDomain>): Pick<Stores, 'scheduledJobs' | 'jobRuns'> {
  return {
    scheduledJobs: {
      get defaultTimezone() {
        return Intl.DateTimeFormat().resolvedOptions().timeZone
      },
      save: async (job, options) => await (await jobs()).scheduledJobs.save(job, options),
      load: async (id) => await (await jobs()).scheduledJobs.load(id),
      restore: async (job) => await (await jobs()).scheduledJobs.restore(job),
      list: async () => await (await jobs()).scheduledJobs.list(),
      delete: async (id) => await (await jobs()).scheduledJobs.delete(id),
      async *watch(options) {
        yield* (await jobs()).scheduledJobs.watch(options)
      },
    },
    jobRuns: {
      now: async () => new Date(),
      state: async (jobId) => await (await jobs()).jobRuns.state(jobId),
      states: async () => await (await jobs()).jobRuns.states(),
      jobIds: async () => await (await jobs()).jobRuns.jobIds(),
      restore: async (jobId, records) => await (await jobs()).jobRuns.restore(jobId, records),
      track: async (jobId) => await (await jobs()).jobRuns.track(jobId),
      trackAll: async () => await (await jobs()).jobRuns.trackAll(),
      claim: async (request) => await (await jobs()).jobRuns.claim(request),
      start: async (runId, fence, by) => await (await jobs()).jobRuns.start(runId, fence, by),
      renew: async (runId, fence) => await (await jobs()).jobRuns.renew(runId, fence),
      finish: async (runId, fence, end) => await (await jobs()).jobRuns.finish(runId, fence, end),
      reap: async (runId, seen, claimant) => await (await jobs()).jobRuns.reap(runId, seen, claimant),
      list: async (options) => await (await jobs()).jobRuns.list(options),
      get: async (runId) => await (await jobs()).jobRuns.get(runId),
      prune: async (jobId, keep) => await (await jobs()).jobRuns.prune(jobId, keep),
      claimDelivery: async (runId, fence) => await (await jobs()).jobRuns.claimDelivery(runId, fence),
      finishDelivery: async (runId, fence, end) => await (await jobs()).jobRuns.finishDelivery(runId, fence, end),
    },
  }
}

function checkFormat(path: string): void {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return
    throw ioError(error, path, 'read')
  }
  const format = Number.parseInt(text, 10)
  if (format === FORMAT) return
  if (!(format > FORMAT)) throw new StorageError('E_CORRUPT', 'jsonl', `${path} should hold a number`)
  const message = `a newer release wrote ${dirname(path)}: its format is ${format}, this one knows ${FORMAT}`
  throw new StorageError('E_SCHEMA_NEWER', 'jsonl', message, { hint: 'update infer' })
}

/** A directory, or the nearest one above it, must be readable and writable. */
function checkUsable(path: string): void {
  let place = path
  while (!statOf(place) && dirname(place) !== place) place = dirname(place)
  try {
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw ioError(error, path, 'write')
  }
}
