import type { JsonObject, JsonValue } from '#storage/contract/json.ts'

/** Raised by the `from` functions for a document that is not of the expected form; backends turn it into E_CORRUPT. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError'
}

function wrong(key: string, expected: string, value: JsonValue | undefined): DocumentError {
  const shown = value === undefined ? 'missing' : (JSON.stringify(value) ?? 'missing').slice(0, 40)
  return new DocumentError(`${key} should be ${expected}, it is ${shown}`)
}

/** Reads typed fields out of a document; every error names the key. */
export const field = {
  text(doc: JsonObject, key: string): string {
    const value = doc[key]
    if (typeof value !== 'string') throw wrong(key, 'text', value)
    return value
  },
  /** Undefined when missing, null or empty: the files leave empty text out. */
  optionalText(doc: JsonObject, key: string): string | undefined {
    const value = doc[key]
    if (value === undefined || value === null || value === '') return undefined
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    if (typeof value !== 'string') throw wrong(key, 'text', value)
    return value
  },
  number(doc: JsonObject, key: string, fallback?: number): number {
    const value = doc[key]
    if (value === undefined || value === null) {
      if (fallback !== undefined) return fallback
    } else if (typeof value === 'number') return value
    throw wrong(key, 'a number', value)
  },
  flag(doc: JsonObject, key: string, fallback: boolean): boolean {
    const value = doc[key]
    if (value === undefined || value === null) return fallback
    if (typeof value !== 'boolean') throw wrong(key, 'true or false', value)
    return value
  },
  oneOf<T extends string>(doc: JsonObject, key: string, allowed: readonly T[], fallback?: T): T {
    const value = doc[key]
    if ((value === undefined || value === null) && fallback !== undefined) return fallback
    const found = allowed.find((name) => name === value)
    if (found === undefined) throw wrong(key, allowed.join(' or '), value)
    return found
  },
  date(doc: JsonObject, key: string): Date {
    const date = field.optionalDate(doc, key)
    if (date === undefined) throw wrong(key, 'a time', doc[key])
    return date
  },
  optionalDate(doc: JsonObject, key: string): Date | undefined {
    const value = doc[key]
    if (value === undefined || value === null || value === '') return undefined
    const date = typeof value === 'string' ? new Date(value) : undefined
    if (date === undefined || Number.isNaN(date.getTime())) throw wrong(key, 'a time', value)
    return date
  },
  object(doc: JsonObject, key: string): JsonObject {
    const value = doc[key]
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(key, 'a map', value)
    return value
  },
  list(doc: JsonObject, key: string): JsonValue[] {
    const value = doc[key]
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) throw wrong(key, 'a list', value)
    return value
  },
}

/** The document without the entries whose value is undefined. */
export function compact(doc: Record<string, JsonValue | undefined>): JsonObject {
  const result: JsonObject = {}
  for (const [key, value] of Object.entries(doc)) if (value !== undefined) result[key] = value
  return result
}

/** The given properties without those that are undefined, for records with optional properties. */
export function defined<T extends object>(properties: { [K in keyof T]: T[K] | undefined }): T {
  const result: Partial<T> = {}
  for (const key of Object.keys(properties) as (keyof T)[]) {
    const value = properties[key]
    if (value !== undefined) result[key] = value
  }
  return result as T
}

/** Parses a JSON object or throws DocumentError. */
export function parseObject(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new DocumentError(error instanceof Error ? error.message : String(error))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new DocumentError('not a JSON object')
  return value as JsonObject
}
