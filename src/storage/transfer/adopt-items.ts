import type { ConversationEntry, ConversationMetadata } from '#storage/contract/conversations.ts'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import type { Plan } from '#storage/contract/plans.ts'
import { isId } from '#storage/rules/check.ts'
import { metadataFromDocument } from '#storage/rules/conversation-document.ts'
import { compact, DocumentError, field, parseObject } from '#storage/rules/fields.ts'
import { groupFromDocument } from '#storage/rules/group-document.ts'
import { jobFromDocument } from '#storage/rules/job-document.ts'
import { parsePlanId, planSlug } from '#storage/rules/plan-id.ts'
import type { GoRecord } from './adopt-data.ts'
import { importedJob } from './imported-job.ts'

/**
 * A time as Go's drivers have left it: ISO 8601, `2026-03-01 08:00:00.123456789 +0000 UTC` (with `m=` behind it), or
 * SQLite's own form, which is UTC. Cut to milliseconds. Its zero time, of the year 1, is none. Throws DocumentError.
 */
export function goTime(column: string, value: unknown): string | undefined {
  if (value === null || value === undefined || value === '') return undefined
  if (value instanceof Date) return value.getUTCFullYear() > 1 ? value.toISOString() : undefined
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)?/.exec(String(value))
  const [, day, time, fraction = '', zone = 'Z'] = match ?? []
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')
  const date = new Date(`${day}T${time}${fraction.slice(0, 4)}${offset}`)
  if (Number.isNaN(date.getTime()))
    throw new DocumentError(`${column} should be a time, it is ${JSON.stringify(value)}`)
  return date.getUTCFullYear() > 1 ? date.toISOString() : undefined
}

/** A row of `scheduled_jobs`, or the JSON of a key: both have the keys of the files. */
export function jobRecord(doc: JsonObject): GoRecord {
  const { job } = importedJob(jobFromDocument(withTimes(doc, ['created_at', 'updated_at'])))
  const outcome = withTimes(doc, ['last_run'])
  const lastRun = field.optionalDate(outcome, 'last_run')
  const lastError = field.optionalText(doc, 'last_error')
  return { kind: 'job', job, ...(lastRun && { lastRun }), ...(lastError !== undefined && { lastError }) }
}

export function planRecord(doc: JsonObject): GoRecord {
  const id = field.text(doc, 'id')
  const named = parsePlanId(id)
  const title = field.optionalText(doc, 'title') ?? named?.slug ?? id
  const slug = planSlug(title)
  const ours = named && new RegExp(`^${slug}(-\\d+)?$`).test(named.slug)
  const plan: Plan = {
    id,
    title,
    slug: ours ? slug : (named?.slug ?? id),
    createdAt: field.date(withTimes(doc, ['created_at']), 'created_at'),
    body: field.text(doc, 'body'),
  }
  return { kind: 'plan', plan }
}

export function groupRecord(groupKey: string, doc: JsonObject): GoRecord {
  return {
    kind: 'session_group',
    groupKey,
    group: groupFromDocument(withTimes(doc, ['last_rollover', 'updated_at'])),
  }
}

/** A conversation from the document of its metadata and the JSON text of its entries. */
export function conversationRecord(id: string, metadata: JsonObject, messages: string): GoRecord {
  const entries = parseList('messages', messages).map((entry) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      throw new DocumentError('messages should be a list of entries')
    }
    field.object(entry, 'message')
    return entry as ConversationEntry
  })
  if (!isId(id)) throw new DocumentError(`the id ${JSON.stringify(id)} is not allowed`)
  const read: ConversationMetadata = metadataFromDocument({ ...withTimes(metadata, ['created_at', 'updated_at']), id })
  return { kind: 'conversation', conversation: { metadata: { ...read, messageCount: entries.length }, entries } }
}

/** The metadata of a row of `conversations`, as the document that the other stores of the Go CLI have. */
export function metadataOfRow(row: Readonly<Record<string, unknown>>): JsonObject {
  const tokens = (column: string) => Number(row[column] ?? 0)
  const [input, output] = [tokens('total_input_tokens'), tokens('total_output_tokens')]
  const cost = textOf(row.cost_stats)
  const [model] = parseList('models', textOf(row.models) || '[]')
  return compact({
    id: textOf(row.id),
    title: textOf(row.title),
    created_at: goTime('created_at', row.created_at),
    updated_at: goTime('updated_at', row.updated_at),
    token_stats: {
      total_input_tokens: input,
      total_output_tokens: output,
      total_tokens: input + output,
      request_count: tokens('request_count'),
    },
    cost_stats: cost === '' ? {} : parseObject(cost),
    model: typeof model === 'string' ? model : undefined,
    tags: parseList('tags', textOf(row.tags) || '[]'),
    title_generated: isTrue(row.title_generated),
    title_invalidated: isTrue(row.title_invalidated) || undefined,
    title_generation_time: goTime('title_generation_time', row.title_generation_time),
  })
}

/** The columns of a row as a document: bytes are text, empty text is absent. */
export function documentOfRow(row: Readonly<Record<string, unknown>>, flags: readonly string[] = []): JsonObject {
  const doc: JsonObject = {}
  for (const [column, value] of Object.entries(row)) {
    if (value === null || value === undefined) continue
    if (flags.includes(column)) doc[column] = isTrue(value)
    else if (value instanceof Date) doc[column] = value.toISOString()
    else doc[column] = value instanceof Uint8Array ? textOf(value) : (value as JsonValue)
  }
  return doc
}

/** The JSON of a list; `null` is an empty one. Throws DocumentError. */
export function parseList(column: string, text: string): JsonValue[] {
  const value: unknown = JSON.parse(text)
  if (value === null) return []
  if (!Array.isArray(value)) throw new DocumentError(`${column} should be a list`)
  return value
}

function withTimes(doc: JsonObject, columns: readonly string[]): JsonObject {
  const times = columns.map((column) => [column, goTime(column, doc[column]) ?? null] as const)
  return { ...doc, ...Object.fromEntries(times) }
}

function isTrue(value: unknown): boolean {
  return value === true || value === 1
}

export function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value)
}
