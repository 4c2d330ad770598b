import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type Scalar } from 'yaml'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { DocumentError, field } from '#storage/rules/fields.ts'
import { jobFromDocument } from '#storage/rules/job-document.ts'
import { parseSimpleYaml } from './simple-yaml.ts'

/** What one `schedules/<id>.yaml` says. */
export interface JobFile {
  job: ScheduledJob
  /** Outcome of the last run as the file has it; the scheduling state counts more. */
  lastRun?: Date
  lastError?: string
  /** The `id:` inside, when it is another one than the name of the file. */
  otherId?: string
}

/** A file as YAML: its keys, and where each stands in the text. */
export interface ParsedText {
  readonly values: JsonObject
  readonly places: readonly KeyPlace[]
  /** `line 3, column 5` of an offset in the text. */
  readonly position: (offset: number) => string
}

/** Offsets of a key, of the end of its value, and of the line after it. */
export interface KeyPlace {
  readonly key: string
  readonly from: number
  readonly to: number
  readonly next: number
}

const TEXTS = 'id name description cron_expression timezone prompt channel recipient_id model last_error'.split(' ')
const FLAGS = ['run_once', 'enabled']
const YES = /^(y|yes|on)$/i
const NO = /^(n|no|off)$/i

/** Throws DocumentError with line and column. The id is the name of the file, whatever stands inside. */
export function parseJobFile(id: string, text: string): JobFile {
  const simple = parseSimpleYaml(text)
  try {
    if (simple) return jobFile(id, simple)
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
  }
  return parseAnyJobFile(id, text)
}

/** `parseJobFile` without the short cut. */
export function parseAnyJobFile(id: string, text: string): JobFile {
  const { values, places, position } = parseYaml(text)
  try {
    return jobFile(id, values)
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    const key = error.message.split(' ', 1)[0]
    const at = places.find((place) => place.key === key)?.from ?? 0
    throw new DocumentError(`${position(at)}: ${error.message}`)
  }
}

function jobFile(id: string, values: JsonObject): JobFile {
  const job = jobFromDocument({ ...values, id })
  const inside = field.optionalText(values, 'id')
  const lastRun = field.optionalDate(values, 'last_run')
  const lastError = field.optionalText(values, 'last_error')
  return {
    job,
    ...(lastRun && { lastRun }),
    ...(lastError !== undefined && { lastError }),
    ...(inside !== undefined && inside !== id && { otherId: inside }),
  }
}

/** Throws DocumentError with line and column for what is no YAML map. */
export function parseYaml(text: string): ParsedText {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `line ${Math.max(1, line)}, column ${Math.max(1, col)}`
  }
  const [error] = document.errors
  if (error) throw new DocumentError(`${position(error.pos[0])}: ${error.message}`)
  if (!isMap(document.contents)) {
    const what = document.contents === null ? 'the file is empty' : 'it is no map of keys'
    throw new DocumentError(`line 1, column 1: ${what}`)
  }
  const places = document.contents.items.flatMap((pair): KeyPlace[] => {
    const key = pair.key as Scalar
    const value = isNode(pair.value) ? pair.value : key
    if (!key.range || !value.range) return []
    const to = value.range[1]
    const line = text.indexOf('\n', text[to - 1] === '\n' ? to - 1 : to)
    return [{ key: String(key.value), from: key.range[0], to, next: line < 0 ? text.length : line + 1 }]
  })
  return { values: valuesOf(document), places, position }
}

/** Text keys as they are written (`42` and `0042` are text), and flags also as yes and no. */
function valuesOf(document: Document): JsonObject {
  let values: JsonObject
  try {
    values = document.toJS() as JsonObject
  } catch (error) {
    throw new DocumentError(`line 1, column 1: ${(error as Error).message}`)
  }
  for (const key of TEXTS) {
    const node = document.get(key, true)
    if (isScalar(node) && typeof node.value !== 'string' && node.value !== null && node.source !== undefined) {
      values[key] = node.source
    }
  }
  for (const key of FLAGS) values[key] = flag(values[key]) ?? null
  return values
}

function flag(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value !== 'string') return value
  return YES.test(value) ? true : NO.test(value) ? false : value
}
