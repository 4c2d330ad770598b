import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import { DocumentError } from '#storage/rules/fields.ts'
import type { Row } from './database.ts'

const FLAGS = new Set(['enabled', 'run_once'])

/** The columns of a row as a document: null is left out, times are ISO text, flags are booleans. */
export function rowDocument(row: Row, columns: readonly string[]): JsonObject {
  const document: JsonObject = {}
  for (const column of columns) {
    const value = row[column]
    if (value === null || value === undefined) continue
    if (value instanceof Date) document[column] = value.toJSON() ?? 'no time'
    else if (FLAGS.has(column) && (value === 0 || value === 1)) document[column] = value === 1
    else document[column] = value as JsonValue
  }
  return document
}

/** A column that holds text. Throws DocumentError. */
export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new DocumentError(`${column} should be text`)
  return value
}

/** A column that holds a time. Throws DocumentError. */
export function timeOf(row: Row, column: string): Date {
  const value = row[column]
  const time = value instanceof Date || typeof value === 'string' ? new Date(value) : undefined
  if (time === undefined || Number.isNaN(time.getTime())) throw new DocumentError(`${column} should be a time`)
  return time
}

export function optionalTimeOf(row: Row, column: string): Date | undefined {
  return row[column] === null || row[column] === undefined ? undefined : timeOf(row, column)
}

/** Reads what a row holds; a document that is not of the expected form is E_CORRUPT, and stays as it is. */
export function readRow<T>(backend: BackendName, what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw asCorrupt(backend, what, error)
  }
}

export function asCorrupt(backend: BackendName, what: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error
  if (!(error instanceof DocumentError)) throw error
  return new StorageError('E_CORRUPT', backend, `${what} cannot be read: ${error.message}`, {
    hint: 'it was left as it is; correct or delete the row by hand',
    cause: error,
  })
}
