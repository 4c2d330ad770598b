import type { JsonValue } from '#storage/contract/json.ts'

/**
 * Text of models, tools and files as every store keeps it: half surrogate pairs and NUL become U+FFFD.
 *
 * A stream may end inside a pair and a file may hold anything; a store refuses both (E_INVALID), and a lost message
 * would be worse than a replaced character.
 */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** `cleanText` on every string of a JSON document, keys included. */
export function cleanJson(value: JsonValue): JsonValue {
  if (typeof value === 'string') return cleanText(value)
  if (Array.isArray(value)) return value.map(cleanJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [cleanText(key), cleanJson(item)]))
}
