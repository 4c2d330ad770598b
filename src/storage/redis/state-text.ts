import type { JobState } from '#storage/contract/job-runs.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { stateFromDocument, stateToDocument } from '#storage/rules/run-document.ts'
import { corrupt, readStored } from './corrupt.ts'
import { keys } from './keys.ts'

/**
 * A scheduling state as text: version, schedule hash, cursor in ms, JSON of the rest, with blanks between. Version,
 * hash and cursor stand in front because scripts read and write them; the JSON passes through scripts untouched.
 */
const STATE = /^([0-9a-f]+) ([0-9a-f]+) (-?\d{1,15}) (\{.*)$/s

export function stateToText(version: string, state: JobState): string {
  const { schedule_hash: _hash, cursor: _cursor, ...rest } = stateToDocument(state)
  return `${version} ${state.scheduleHash} ${state.cursor.getTime()} ${JSON.stringify(rest)}`
}

/** Throws E_CORRUPT. */
export function stateFromText(jobId: string, text: string): { version: string; state: JobState } {
  const [, version = '', scheduleHash = '', cursor = '', rest = ''] = STATE.exec(text) ?? []
  const name = `the scheduling state of job ${jobId} (${keys.states})`
  if (rest === '') throw corrupt(name, 'it has another form')
  const state = readStored(name, rest, (doc: JsonObject) =>
    stateFromDocument({ ...doc, schedule_hash: scheduleHash, cursor: new Date(Number(cursor)).toISOString() }),
  )
  return { version, state }
}
