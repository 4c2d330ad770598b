import type { StorageError } from '#storage/contract/errors.ts'
import type { JobRun, JobState } from '#storage/contract/job-runs.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { field } from '#storage/rules/fields.ts'
import { runFromDocument, runToDocument, stateFromDocument, stateToDocument } from '#storage/rules/run-document.ts'
import { type Codec, NumberedRecords, type Stored } from './numbered-records.ts'

/** How long, in ms, the trace of a removed state stays, so that a writer that slept meanwhile finds it changed. */
const FORGET_MS = 30 * 24 * 60 * 60 * 1_000

/** The scheduling state of one job after one transition. */
export interface StateBody {
  /** Undefined once it was removed. */
  readonly state: JobState | undefined
  /** Runs that this transition settled; each has a file of its own in the history, or is about to get it. */
  readonly settled: readonly JobRun[]
}

export type StateRecord = Stored<StateBody>

const CODEC: Codec<StateBody> = {
  encode: ({ state, settled }) => ({
    state: state ? stateToDocument(state) : null,
    settled: settled.map(runToDocument),
  }),
  decode: (document) => ({
    state: document.state == null ? undefined : stateFromDocument(field.object(document, 'state')),
    settled: field.list(document, 'settled').map((run) => runFromDocument(run as JsonObject)),
  }),
}

/**
 * Scheduling states as numbered records, `<runsDir>/states/<shard>/<job id>@<n>`. The body is `{"state", "settled"}`:
 * the state (null once removed), and the runs that left it in this transition.
 */
export type JobStates = NumberedRecords<StateBody>

export function jobStates(directory: string, readOnly = false): JobStates {
  return new NumberedRecords(directory, CODEC, readOnly)
}

/** All that can be read. Throws what is wrong with one that cannot. */
export function readable(all: ReadonlyMap<string, StateRecord | StorageError>): Map<string, StateRecord> {
  const records = new Map<string, StateRecord>()
  for (const [jobId, record] of all) {
    if (record instanceof Error) throw record
    records.set(jobId, record)
  }
  return records
}

/** Names this very state for a compare-and-set; undefined when there is none. */
export function versionOf(record: StateRecord | undefined): string | undefined {
  return record?.body.state && `${record.number}.${record.token}`
}

/** Whether a state was removed so long ago that nobody can still be about to write on it. */
export function isOld(record: StateRecord): boolean {
  return record.body.state === undefined && Date.now() - record.at > FORGET_MS
}
