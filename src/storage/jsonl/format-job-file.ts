import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { DocumentError } from '#storage/rules/fields.ts'
import { jobToDocument } from '#storage/rules/job-document.ts'
import { type KeyPlace, parseYaml } from './job-file.ts'
import { parseSimpleYaml } from './simple-yaml.ts'

/**
 * Writing of `schedules/<id>.yaml`: snake_case keys in the order of the historical files, ours (`timezone`,
 * `enabled`, `catch_up`, `overlap`) only where they are set. People edit these files, so a change touches the lines of
 * the keys that change and no other byte: comments, unknown keys and the way something is written stay.
 */

const ORDER =
  'id name description cron_expression timezone prompt channel recipient_id model run_once enabled catch_up overlap created_at updated_at last_run last_error'.split(
    ' ',
  )
const DEFAULTS: JsonObject = { run_once: false, enabled: true, catch_up: 'latest', overlap: 'skip' }
/** What the Go CLI's YAML takes for a line break or refuses, and what a block scalar would lose: also blank lines only. */
const ESCAPED = /^[ \n]+$|[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/

/** Texts, times and cron expressions that need no quotes in any version of YAML. */
const PLAIN =
  /^(?:[A-Za-z](?:[A-Za-z0-9 _./+,()-]*[A-Za-z0-9_./+()-])?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z|\d[\d*/,-]*(?: [\dA-Z*/,-]+){4})$/
const WORD = /^(?:true|false|null|yes|no|on|off|y|n)$/i

/**
 * The text with this definition in it; without a previous text a new one. `current` is the definition that the previous
 * text holds. Throws DocumentError.
 */
export function formatJobFile(job: ScheduledJob, previous: string | undefined, current?: ScheduledJob): string {
  const wanted = jobToDocument(job)
  // The usual file, which nobody edited, need not be read again.
  if (previous === undefined || (current && previous === lines(jobToDocument(current)))) return lines(wanted)
  return change(previous, (key, current) => {
    if (key.startsWith('last_')) return current
    return wanted[key] ?? (isDefault(key, current) ? current : undefined)
  })
}

/** The text with another outcome of the last run. Throws DocumentError. */
export function formatOutcome(text: string, lastRun: Date | undefined, lastError: string | undefined): string {
  return change(text, (key, current) => {
    if (key === 'last_run') return lastRun?.toISOString()
    return key === 'last_error' ? lastError : current
  })
}

/** Sets, adds and removes keys; all other text stays. `value` says what a key shall be, undefined for not at all. */
function change(text: string, value: (key: string, current: JsonValue | undefined) => JsonValue | undefined): string {
  const { values, places } = read(text)
  const edits: { from: number; to: number; text: string }[] = []
  const expected: JsonObject = { ...values }
  for (const [rank, key] of ORDER.entries()) {
    const current = values[key] ?? undefined
    const wanted = value(key, current)
    if (same(key, current, wanted)) continue
    if (wanted === undefined) delete expected[key]
    else expected[key] = wanted
    const place = places.find((one) => one.key === key)
    if (place && wanted === undefined) edits.push({ from: place.from, to: place.next, text: '' })
    else if (place && wanted !== undefined) {
      const written = line(key, wanted)
      const whole = text[place.to - 1] === '\n'
      edits.push({ from: place.from, to: place.to, text: whole ? written : written.slice(0, -1) })
    } else if (wanted !== undefined) {
      const before = new Set(ORDER.slice(0, rank))
      const at = places.findLast((one) => before.has(one.key))?.next ?? places[0]?.from ?? text.length
      const broken = at > 0 && text[at - 1] !== '\n'
      edits.push({ from: at, to: at, text: `${broken ? '\n' : ''}${line(key, wanted)}` })
    }
  }
  let result = text
  for (const edit of edits.toSorted((a, b) => a.from - b.from).toReversed()) {
    result = result.slice(0, edit.from) + edit.text + result.slice(edit.to)
  }
  if (!says(result, expected)) throw unchangeable()
  return result
}

function says(text: string, expected: JsonObject): boolean {
  try {
    return isDeepStrictEqual(known(read(text).values), known(expected))
  } catch (error) {
    if (error instanceof DocumentError) return false
    throw error
  }
}

/** Keys and their places, without the YAML library where the text is plain. */
function read(text: string): { values: JsonObject; places: readonly KeyPlace[] } {
  const values = parseSimpleYaml(text)
  if (!values) return parseYaml(text)
  let from = 0
  const places = Object.keys(values).map((key) => {
    const next = text.indexOf('\n', from) + 1
    const place = { key, from, to: next - 1, next }
    from = next
    return place
  })
  return { values, places }
}

function lines(document: JsonObject): string {
  let text = ''
  for (const key of Object.keys(document)) text += line(key, document[key] ?? null)
  return text
}

/** One key as a line, or as several for a text with line breaks; ends with a line break. */
function line(key: string, value: JsonValue): string {
  if (typeof value === 'boolean') return `${key}: ${value}\n`
  if (typeof value === 'string' && PLAIN.test(value) && !WORD.test(value)) return `${key}: ${value}\n`
  if (typeof value === 'string' && ESCAPED.test(value)) {
    const text = JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g, (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
    })
    return `${key}: ${text}\n`
  }
  return stringify({ [key]: value }, { lineWidth: 0 })
}

function same(key: string, current: JsonValue | undefined, wanted: JsonValue | undefined): boolean {
  if (current === wanted) return true
  if (!key.endsWith('_at') && key !== 'last_run') return false
  return current !== undefined && wanted !== undefined && time(current) === time(wanted)
}

function time(value: JsonValue): number {
  return typeof value === 'string' ? new Date(value).getTime() : Number.NaN
}

/** An explicit default, or empty text, that a person wrote stays. */
function isDefault(key: string, current: JsonValue | undefined): boolean {
  return current === '' || current === DEFAULTS[key]
}

/** Without the keys that say nothing, and times as moments, for a comparison. */
function known(values: JsonObject): JsonObject {
  const entries = Object.entries(values).filter(([, value]) => value !== null)
  return Object.fromEntries(entries.map(([key, value]) => [key, /_at$|^last_run$/.test(key) ? time(value) : value]))
}

function unchangeable(): DocumentError {
  return new DocumentError(
    'line 1, column 1: it is written in a way that cannot be changed by a program; edit it by hand',
  )
}
