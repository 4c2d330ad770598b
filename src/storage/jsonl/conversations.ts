import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, openSync } from 'node:fs'
import { normalize } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type {
  Conversation,
  ConversationDetails,
  ConversationList,
  ConversationMetadata,
  ConversationStorage,
  ConversationWrite,
} from '#storage/contract/conversations.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { checkDate, checkId, isId } from '#storage/rules/check.ts'
import { checkConversation } from '#storage/rules/check-records.ts'
import { needsTitle } from '#storage/rules/conversation-document.ts'
import { DocumentError } from '#storage/rules/fields.ts'
import {
  entryLine,
  fileText,
  linesOf,
  type ReadConversation,
  readConversation,
  readTail,
  type Tail,
  type TailEnd,
} from './conversation-file.ts'
import { ConversationIndex, type IndexRow } from './conversation-index.ts'
import { FileEnd } from './file-end.ts'
import { corrupt, ioError, isMissing } from './io-error.ts'
import { type Locks, lockDigit } from './locks.ts'
import { createFile, prepareFiles, removeFile, replaceFile, writeAll } from './replace-file.ts'
import { syncDirectory } from './sync.ts'

/** To read anywhere and to write at the end; unlike `a+` it makes no file. */
const APPEND = constants.O_RDWR | constants.O_APPEND
/** JSON that may hold what `checkConversation` refuses: NUL and lone surrogates are always escaped. */
const REFUSED = /\\u(?:0000|d[89a-f])/
const MAX_WRITTEN = 64

/**
 * The conversations of one directory, a file each. Writers hold one of 16 locks (`.state/<hex digit>.lock`); readers
 * hold none, since a file only grows or is replaced as a whole.
 */
export class FileConversations implements ConversationStorage {
  readonly #directory: string
  readonly #locks: Locks
  readonly #index: ConversationIndex
  /** Ends of files that this process added to, the latest last. */
  readonly #written = new Map<string, { end: FileEnd; length: number }>()

  constructor(directory: string, locks: Locks, readOnly = false) {
    this.#directory = normalize(directory)
    this.#locks = locks
    this.#index = new ConversationIndex(directory, (id, stamp) => this.#row(id, stamp), readOnly)
  }

  async append(id: string, write: ConversationWrite): Promise<void> {
    const { expectedLength } = write
    checkId('jsonl', 'conversation', id)
    checkDate('jsonl', `createdAt of conversation ${id}`, write.metadata.createdAt)
    checkDate('jsonl', `updatedAt of conversation ${id}`, write.metadata.updatedAt)
    const lines = linesOf(id, expectedLength, write)
    if (lines.some((line) => REFUSED.test(line))) checkConversation('jsonl', id, write.metadata, write.entries)
    await this.#change(id, expectedLength, async (fd) => {
      if (fd === undefined) return await this.#rewrite(id, [], lines)
      const tail = this.#end(id, fd)
      if (tail.length !== expectedLength) {
        const { entries } = this.#read(id, fd)
        const known = entries.slice(expectedLength).map((entry, n) => entryLine(entry, expectedLength + n))
        const count = lines.length - 1
        if (count > 0 && known.length === count && known.every((line, n) => line === lines[n])) return
        if (entries.length !== expectedLength) throw conflict(id, entries.length, expectedLength)
      }
      if (tail.appendable) this.#extend(id, fd, tail, lines)
      else await this.#rewrite(id, this.#read(id, fd).kept, lines)
    })
  }

  async replace(id: string, write: ConversationWrite): Promise<void> {
    const { expectedLength } = write
    checkConversation('jsonl', id, write.metadata, write.entries)
    const lines = linesOf(id, 0, write)
    await this.#change(id, expectedLength, async (fd) => {
      const { entries, kept } = fd === undefined ? { entries: [], kept: [] } : this.#read(id, fd)
      if (entries.length !== expectedLength) throw conflict(id, entries.length, expectedLength)
      const damaged = kept.filter((line) => line.startsWith('{"type":"damaged"'))
      await this.#rewrite(id, damaged, lines)
    })
  }

  async createAll(conversations: readonly Omit<Conversation, 'damage'>[]): Promise<Set<string>> {
    for (const { metadata, entries } of conversations) checkConversation('jsonl', metadata.id, metadata, entries)
    const created = new Set<string>()
    const groups = Map.groupBy(conversations, ({ metadata }) => lockDigit(metadata.id)).values()
    await Promise.all([...groups].map((group) => this.#createSome(group, created)))
    if (created.size > 0) await syncDirectory(this.#directory)
    return created
  }

  /** All of these have the same lock. */
  async #createSome(conversations: readonly Omit<Conversation, 'damage'>[], created: Set<string>): Promise<void> {
    await this.#locked(conversations[0]?.metadata.id ?? '', async () => {
      const free = conversations.filter(({ metadata }) => !this.has(metadata.id))
      const texts = free.map(({ metadata, entries }) => {
        const lines = linesOf(metadata.id, 0, { entries, metadata })
        return [this.#path(metadata.id), fileText([], lines)] as const
      })
      const files = await prepareFiles(new Map(texts))
      try {
        for (const [n, { metadata }] of free.entries()) {
          if (await this.#index.placing(metadata.id, async () => files[n]?.commitNew())) created.add(metadata.id)
        }
      } finally {
        for (const file of files) file.discard()
      }
    })
  }

  async load(id: string): Promise<Conversation> {
    checkId('jsonl', 'conversation', id)
    await turn()
    const { metadata, entries, damage } = this.#existing(id, (fd) => this.#read(id, fd))
    return { metadata, entries, damage }
  }

  async list({ limit, offset }: { limit: number; offset: number }): Promise<ConversationList> {
    const from = Math.max(0, offset)
    await turn()
    for (let compare = false; ; compare = true) {
      const result: ConversationList = { conversations: [], unreadable: [] }
      let stale = false
      let readable = 0
      for (const row of await this.#index.rows(compare)) {
        if (row.updatedAt !== undefined) {
          readable += 1
          if (limit > 0 && readable > from + limit) break
          if (readable <= from) continue
        }
        const metadata = this.#listed(row.id, result)
        stale ||= metadata?.updatedAt.getTime() !== row.updatedAt
      }
      if (!stale || compare) return result
    }
  }

  async updateMetadata(id: string, changes: Partial<ConversationDetails>): Promise<void> {
    checkId('jsonl', 'conversation', id)
    const patch = structuredClone(changes)
    await this.#locked(id, async () => {
      const fd = this.#open(id, APPEND)
      if (fd === undefined) throw missing(id)
      try {
        const tail = this.#tail(id, fd)
        const metadata = { ...tail.metadata, ...patch }
        checkConversation('jsonl', id, metadata)
        const lines = linesOf(id, tail.length, { entries: [], metadata })
        if (tail.appendable) this.#extend(id, fd, tail, lines)
        else await this.#rewrite(id, this.#read(id, fd).kept, lines)
      } finally {
        closeSync(fd)
      }
    })
  }

  async delete(id: string): Promise<void> {
    checkId('jsonl', 'conversation', id)
    await this.#locked(id, async () => {
      if (!(await this.#index.placing(id, () => removeFile(this.#path(id))))) throw missing(id)
    })
  }

  async listNeedingTitles(limit: number): Promise<ConversationMetadata[]> {
    const found: ConversationMetadata[] = []
    await turn()
    for (const row of await this.#index.rows()) {
      if (limit > 0 && found.length >= limit) break
      if (!row.needsTitle) continue
      const metadata = this.#listed(row.id)
      if (metadata && needsTitle(metadata)) found.push(metadata)
    }
    return found
  }

  has(id: string): boolean {
    const fd = this.#open(id)
    if (fd !== undefined) closeSync(fd)
    return fd !== undefined
  }

  /** Takes in a conversation from elsewhere; false when the id is taken. */
  async takeIn({ metadata, entries }: Omit<Conversation, 'damage'>): Promise<boolean> {
    const { id } = metadata
    const text = fileText([], linesOf(id, 0, { entries, metadata }))
    return await this.#locked(id, () => this.#index.placing(id, () => createFile(this.#path(id), text)))
  }

  /** Runs a write under the lock; `fd` is undefined when there is no such conversation. */
  async #change(id: string, expected: number, use: (fd: number | undefined) => Promise<void>): Promise<void> {
    await this.#locked(id, async () => {
      const fd = this.#open(id, APPEND)
      if (fd === undefined && expected !== 0) throw conflict(id, 0, expected)
      try {
        await use(fd)
      } finally {
        if (fd !== undefined) closeSync(fd)
      }
    })
  }

  /** Adds at the end with one write; what was written in part is cut off again. */
  #extend(id: string, fd: number, { size, length, unended }: TailEnd, lines: readonly string[]): void {
    this.#written.delete(id)
    try {
      const written = writeAll(fd, `${unended ? '\n' : ''}${lines.join('')}`)
      fdatasyncSync(fd)
      const end = new FileEnd(size + written, Buffer.from(`\n${lines.at(-1)}`))
      this.#written.set(id, { end, length: length + lines.length - 1 })
    } catch (error) {
      cutOff(fd, size)
      throw ioError(error, this.#path(id), 'write')
    }
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= MAX_WRITTEN) break
      this.#written.delete(oldest)
    }
    this.#index.touch(id)
  }

  /** As after our last write, when the file still ends with its line of metadata; else from the file. */
  #end(id: string, fd: number): TailEnd {
    const written = this.#written.get(id)
    if (!written || !this.#decoding(id, () => written.end.isEndOf(fd))) return this.#tail(id, fd)
    return { size: written.end.size, length: written.length, appendable: true, unended: false }
  }

  async #rewrite(id: string, kept: readonly string[], lines: readonly string[]): Promise<void> {
    await this.#index.placing(id, () => replaceFile(this.#path(id), fileText(kept, lines)))
  }

  #row(id: string, stamp: string): IndexRow | undefined {
    try {
      const { metadata } = this.#existing(id, (fd) => this.#tail(id, fd))
      return { id, stamp, updatedAt: metadata.updatedAt.getTime(), needsTitle: needsTitle(metadata) }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return error.code === 'E_NOT_FOUND' ? undefined : { id, stamp, updatedAt: undefined, needsTitle: false }
    }
  }

  /** The metadata of a listed file, put into the result; undefined when it is gone or cannot be read. */
  #listed(id: string, result?: ConversationList): ConversationMetadata | undefined {
    try {
      const { metadata } = this.#existing(id, (fd) => this.#tail(id, fd))
      result?.conversations.push(metadata)
      return metadata
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      if (error.code !== 'E_NOT_FOUND') result?.unreadable.push({ id, error })
      return undefined
    }
  }

  #existing<T>(id: string, use: (fd: number) => T): T {
    if (!isId(id)) throw corrupt(this.#path(id), 'its name is not a valid conversation id')
    const fd = this.#open(id)
    if (fd === undefined) throw missing(id)
    try {
      return use(fd)
    } finally {
      closeSync(fd)
    }
  }

  #tail(id: string, fd: number): Tail {
    return this.#decoding(id, () => readTail(id, fd, fstatSync(fd).size))
  }

  #read(id: string, fd: number): ReadConversation {
    return this.#decoding(id, () => readConversation(id, fd))
  }

  #decoding<T>(id: string, decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      if (error instanceof DocumentError) throw corrupt(this.#path(id), error.message, error)
      throw ioError(error, this.#path(id), 'read')
    }
  }

  #open(id: string, flags: string | number = 'r'): number | undefined {
    try {
      return openSync(this.#path(id), flags)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw ioError(error, this.#path(id), 'read')
    }
  }

  #locked<T>(id: string, use: () => Promise<T>): Promise<T> {
    return this.#locks.hold(`${this.#directory}/.state/${lockDigit(id)}.lock`, use)
  }

  #path(id: string): string {
    return `${this.#directory}/${id}.jsonl`
  }
}

/** Where even that fails, a torn line stays, which every reader sets aside. */
function cutOff(fd: number, size: number): void {
  try {
    ftruncateSync(fd, size)
  } catch {
    // The error of the write is the one to tell.
  }
}

function missing(id: string): StorageError {
  return new StorageError('E_NOT_FOUND', 'jsonl', `there is no conversation ${id}`)
}

function conflict(id: string, length: number, expected: number): StorageError {
  const message = `conversation ${id} has ${length} entries, not ${expected}: somebody else changed it`
  return new StorageError('E_CONFLICT', 'jsonl', message)
}
