import { fstatSync, readSync } from 'node:fs'
import type { ConversationDetails, ConversationEntry, ConversationMetadata } from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { metadataFromDocument, metadataToDocument } from '#storage/rules/conversation-document.ts'
import { DocumentError, field, parseObject } from '#storage/rules/fields.ts'

/**
 * The format of `<id>.jsonl`, shared with the Go CLI.
 *
 * Version 2: a JSON object per line. `{"type":"entry","index":N,"entry":{…}}` adds an entry,
 * `{"type":"meta","metadata":{…}}` replaces the metadata; the last one counts, and its `message_count` counts the
 * entries before it. The first line also has `"v":2`. Lines of other types are skipped: `{"type":"damaged","text":"…"}`
 * keeps what was once found torn, so that the Go CLI, which stops at a line that is no JSON, can read on.
 *
 * Version 1: a line `{"metadata":{…}}` and a line `{"entries":[…]}`. The next write makes it version 2.
 */

const VERSION = 2
const TAIL = 8 * 1_024
const EMPTY_STATS = { total_input_tokens: 0, total_output_tokens: 0, total_tokens: 0, request_count: 0 }

/** The lines of a write: entries from `index` on, then the metadata. */
export function linesOf(
  id: string,
  index: number,
  write: { entries: readonly ConversationEntry[]; metadata: ConversationDetails },
): string[] {
  const lines = write.entries.map((entry, n) => entryLine(entry, index + n))
  return [...lines, metadataLine(id, write.metadata, index + lines.length)]
}

/** A whole file: lines that are kept as they are, then those of a write. */
export function fileText(kept: readonly string[], lines: readonly string[]): string {
  const [first = '', ...rest] = [...kept.map((line) => `${line}\n`), ...lines]
  const head = first.startsWith('{"v":') ? first : `{"v":${VERSION},${first.slice(1)}`
  return [head, ...rest].join('')
}

/** Everything in a file. */
export interface ReadConversation {
  metadata: ConversationMetadata
  entries: ConversationEntry[]
  damage: string[]
  /** All lines but metadata as version 2 keeps them, without line breaks; those that cannot be read are wrapped. */
  kept: string[]
}

/** What the end of a file tells. */
export interface Tail extends TailEnd {
  metadata: ConversationMetadata
}

/** What adding to a file needs to know of it. */
export interface TailEnd {
  /** Of the file, in bytes. */
  size: number
  /** Entries stored, the unreadable ones that a metadata line counts included. */
  length: number
  /** Whether entries can be added at the end; otherwise the file must be written anew. */
  appendable: boolean
  /** Whether the last line lacks its line break. */
  unended: boolean
}

/** The line of one entry, with its line break. */
export function entryLine(entry: ConversationEntry, index: number): string {
  const head = index === 0 ? `"v":${VERSION},` : ''
  return `{${head}"type":"entry","index":${index},"entry":${JSON.stringify(entry)}}\n`
}

function metadataLine(id: string, details: ConversationDetails, length: number): string {
  return `{"type":"meta","metadata":${JSON.stringify(metadataToDocument(id, details, length))}}\n`
}

/** Throws DocumentError when nothing in it can be read, and E_SCHEMA_NEWER. */
export function readConversation(id: string, fd: number): ReadConversation {
  const bytes = readRange(fd, 0, fstatSync(fd).size)
  const ended = bytes.length === 0 || bytes.at(-1) === 10
  const lines = bytes.toString('utf8').split('\n')
  if (lines.at(-1) === '') lines.pop()
  const read: Omit<ReadConversation, 'metadata'> = { entries: [], damage: [], kept: [] }
  let document: JsonObject | undefined
  for (const [index, text] of lines.entries()) {
    const last = index === lines.length - 1 && !ended
    const line = parse(text)
    if (index === 0) checkVersion(line)
    if (text.trim() === '') continue
    const entry = entryOf(line)
    if (entry) {
      read.entries.push(entry)
      read.kept.push(text)
    } else if (line?.type === 'meta' && isMap(line.metadata)) document = line.metadata
    else if (line && line.type === undefined && isMap(line.metadata)) document = line.metadata
    else if (line && line.type === undefined && Array.isArray(line.entries)) {
      for (const entry of line.entries) {
        if (isMap(entry) && isMap(entry.message)) {
          read.kept.push(entryLine(entry as ConversationEntry, read.entries.length).trimEnd())
          read.entries.push(entry as ConversationEntry)
        } else read.damage.push(`line ${index + 1} holds something that is no entry; it was set aside`)
      }
    } else if (line?.type === 'damaged') {
      read.damage.push(`line ${index + 1} was found torn earlier and is set aside`)
      read.kept.push(text)
    } else if (line && typeof line.type === 'string' && line.type !== 'entry' && line.type !== 'meta') {
      read.kept.push(text)
    } else {
      const what = last && !line ? `is torn after ${Buffer.byteLength(text)} bytes` : 'cannot be read'
      read.damage.push(`line ${index + 1} ${what}; it was set aside`)
      read.kept.push(`${JSON.stringify({ type: 'damaged', text })}`)
    }
  }
  if (!document) {
    if (read.entries.length === 0) throw new DocumentError('it holds neither metadata nor an entry')
    read.damage.push('the metadata is missing; it was made up from the entries')
  }
  const metadata = metadataFromDocument({ ...(document ?? madeUp(id, read.entries, fd)), id })
  return { ...read, metadata: { ...metadata, messageCount: read.entries.length } }
}

/** Reads from the end of a file up to its last metadata line, whatever its size. Throws like `readConversation`. */
export function readTail(id: string, fd: number, size: number): Tail {
  for (let want = TAIL; ; want *= 4) {
    const start = Math.max(0, size - want)
    const tail = tailOf(id, readRange(fd, start, size), start === 0)
    if (tail) return { ...tail, size }
    if (start === 0) return wholeTail(id, fd, size)
  }
}

/** Undefined when there is no metadata line in these bytes. */
function tailOf(id: string, bytes: Buffer, whole: boolean): Omit<Tail, 'size'> | undefined {
  const unended = bytes.at(-1) !== 10
  let end = unended ? bytes.length : bytes.length - 1
  let appendable = true
  let following = 0
  while (end > 0) {
    const from = bytes.lastIndexOf(10, end - 1) + 1
    if (from === 0 && !whole) return undefined
    const line = parse(bytes.toString('utf8', from, end))
    if (line?.type === 'meta' && isMap(line.metadata)) {
      const metadata = metadataFromDocument({ ...line.metadata, id })
      const length = metadata.messageCount + following
      return { metadata: { ...metadata, messageCount: length }, length, appendable, unended }
    }
    if (entryOf(line)) following += 1
    else if (!line && unended && end === bytes.length) appendable = false
    end = from - 1
  }
  return undefined
}

/** For what has no metadata line of version 2: the whole file is read, and the next write makes it anew. */
function wholeTail(id: string, fd: number, size: number): Tail {
  const { metadata, entries } = readConversation(id, fd)
  return { metadata, length: entries.length, appendable: false, unended: false, size }
}

/** By position, so that a descriptor can be read any number of times. */
function readRange(fd: number, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(to - from)
  let filled = 0
  while (filled < bytes.length) {
    const count = readSync(fd, bytes, filled, bytes.length - filled, from + filled)
    if (count === 0) break
    filled += count
  }
  return bytes.subarray(0, filled)
}

function parse(line: string): JsonObject | undefined {
  try {
    return parseObject(line)
  } catch {
    return undefined
  }
}

function isMap(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function entryOf(line: JsonObject | undefined): ConversationEntry | undefined {
  return line?.type === 'entry' && isMap(line.entry) && isMap(line.entry.message)
    ? (line.entry as ConversationEntry)
    : undefined
}

function checkVersion(line: JsonObject | undefined): void {
  if (typeof line?.v !== 'number' || line.v <= VERSION) return
  const message = `a newer release wrote this conversation: its format is ${line.v}, this one knows ${VERSION}`
  throw new StorageError('E_SCHEMA_NEWER', 'jsonl', message, { hint: 'update infer' })
}

function madeUp(id: string, entries: readonly ConversationEntry[], fd: number): JsonObject {
  const changed = fstatSync(fd).mtime.toISOString()
  const first = entries[0] ? (field.optionalText(entries[0], 'time') ?? changed) : changed
  const created = Number.isNaN(new Date(first).getTime()) ? changed : first
  return { id, title: '', created_at: created, updated_at: changed, token_stats: EMPTY_STATS }
}
