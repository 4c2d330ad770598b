import type { JsonObject } from '#storage/contract/json.ts'

const KEYS = new Set(
  'id name description cron_expression timezone prompt channel recipient_id model run_once enabled catch_up overlap created_at updated_at last_run last_error'.split(
    ' ',
  ),
)
/** Not texts: `2042` would be a number. */
const TIMES = /^(?:created_at|updated_at|last_run)$/
const FLAGS = new Set(['run_once', 'enabled'])
const LINE = /^([a-z_]+): (?:"([^"\\]*)"|'([^']*)'|([A-Za-z0-9/][^"'\\#]*))$/
/** What YAML folds, refuses or needs escaped; surrogates only to keep this simple. */
const UNUSUAL = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]/
const NULL = /^(?:null|Null|NULL)$/

/**
 * Reads the plainest YAML, which is how most definitions are written: known keys, one a line, each with a word or a
 * simple quoted text. Undefined for everything else, which is left to the YAML library: that takes 0.1 ms a file,
 * and 10,000 files are read at a daemon's start.
 */
export function parseSimpleYaml(text: string): JsonObject | undefined {
  if (!text.endsWith('\n') || UNUSUAL.test(text)) return undefined
  const values: JsonObject = {}
  for (const line of text.slice(0, -1).split('\n')) {
    const [, key = '', double, single, plain] = LINE.exec(line) ?? []
    if (!KEYS.has(key) || key in values) return undefined
    if (plain === undefined) {
      if (FLAGS.has(key)) return undefined
      values[key] = double ?? single ?? ''
    } else if (FLAGS.has(key)) {
      if (plain !== 'true' && plain !== 'false') return undefined
      values[key] = plain === 'true'
    } else {
      if (plain.includes(': ') || plain.endsWith(':') || plain.endsWith(' ') || NULL.test(plain)) return undefined
      if (TIMES.test(key) && !/^\d{4}-\d\d-\d\d/.test(plain)) return undefined
      values[key] = plain
    }
  }
  return values
}
