import type { JsonValue } from '#storage/contract/json.ts'

/** Takes secrets out of a text. */
export type Redact = (text: string) => string

const MASK = '***'
/** Shorter values would be found by chance in what has nothing to do with them. */
const SHORTEST = 6

/** Takes nothing out. */
export const redactNothing: Redact = (text) => text

/**
 * Replaces every occurrence of these very values, also as they stand inside JSON and URLs, by `***`. Values of fewer
 * than 6 characters are left alone.
 */
export function redactor(secrets: readonly string[]): Redact {
  const values = new Set(secrets.filter((secret) => secret.length >= SHORTEST).flatMap(spellings))
  // The longest first: one secret may hold another.
  const found = [...values].sort((a, b) => b.length - a.length)
  if (found.length === 0) return redactNothing
  return (text) => found.reduce((rest, value) => (rest.includes(value) ? rest.replaceAll(value, MASK) : rest), text)
}

function spellings(secret: string): string[] {
  const escaped = JSON.stringify(secret).slice(1, -1)
  return [secret, escaped, JSON.stringify(escaped).slice(1, -1), encodeURIComponent(secret.toWellFormed())]
}

/** `redact` on every string of a JSON document, keys included. */
export function redactJson<T>(value: T, redact: Redact): T {
  return redact === redactNothing ? value : (redacted(value as JsonValue, redact) as T)
}

function redacted(value: JsonValue, redact: Redact): JsonValue {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((item) => redacted(item, redact))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key), redacted(item, redact)]))
}

/** An error of the same class and fields whose words hold no secret; the error itself when they hold none. */
export function redactError(error: unknown, redact: Redact): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? redact(error) : error
  const { message, stack = '' } = error
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : ''
  const clean = [message, hint, stack].every((text) => redact(text) === text)
  if (clean) return error
  const copy: Error = Object.create(Object.getPrototypeOf(error), Object.getOwnPropertyDescriptors(error))
  const texts = { message: redact(message), stack: redact(stack), ...(hint === '' ? {} : { hint: redact(hint) }) }
  for (const [key, value] of Object.entries(texts)) {
    Object.defineProperty(copy, key, { value, configurable: true, writable: true })
  }
  // What it was caused by may quote the secret again.
  if ('cause' in copy) Object.defineProperty(copy, 'cause', { value: undefined, configurable: true })
  return copy
}
