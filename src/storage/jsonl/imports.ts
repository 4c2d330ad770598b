import { closeSync, fdatasync, openSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ImportRecord } from '#storage/contract/coordination.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { ABSENT } from '#storage/contract/session-groups.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkImport } from '#storage/rules/check-records.ts'
import { DocumentError, field, parseObject } from '#storage/rules/fields.ts'
import { importedId } from '#storage/rules/import-record.ts'
import { digest } from '#storage/rules/revision.ts'
import type { FileConversations } from './conversations.ts'
import { corrupt, ioError, isMissing } from './io-error.ts'
import type { Locks } from './locks.ts'
import type { FilePlans } from './plans.ts'
import { makeDirectory, writeAll } from './replace-file.ts'
import type { JobDomain } from './scheduled-jobs.ts'
import type { FileSessionGroups } from './session-groups.ts'
import { type FileShellHistory, historyText } from './shell-history.ts'
import { syncDirectory } from './sync.ts'

const dataSync = promisify(fdatasync)

type Outcome = 'import' | 'already'
type HistoryRecord = Extract<ImportRecord, { kind: 'history' }>

interface Targets {
  readonly conversations: FileConversations
  readonly sessionGroups: FileSessionGroups
  readonly jobs: () => Promise<JobDomain>
  readonly plans: FilePlans
  readonly shellHistory: FileShellHistory
  readonly locks: Locks
}

interface Ledger {
  readonly done: Map<string, Outcome>
  /** Keys whose import was begun, and for history lines the size of the history at that time. */
  readonly begun: Map<string, number>
}

/**
 * The ledger of imports, `<runsDir>/imports/<digest of the source>.jsonl`, under a lock. Records and ledger are
 * different files, so an import first notes what it is about to write (`{"begin": [keys], "history": <its size>}`),
 * writes, and notes the outcomes (`{"done": {key: outcome}}`). A record that exists after a begin without an outcome is
 * the import's own; history lines are looked for behind the noted size. So a second call completes a killed one.
 */
export class FileImports {
  readonly #directory: string
  readonly #targets: Targets

  constructor(directory: string, targets: Targets) {
    this.#directory = directory
    this.#targets = targets
  }

  async imported(source: string): Promise<Map<string, Outcome>> {
    checkKey('jsonl', 'source', source)
    return this.#read(source).done
  }

  async importSources(): Promise<string[]> {
    const sources = ledgersOf(this.#directory).flatMap((file) => {
      const path = join(this.#directory, file)
      const [first = ''] = textOf(path).split('\n', 1)
      try {
        return first === '' ? [] : [field.text(parseObject(first), 'source')]
      } catch (error) {
        throw error instanceof DocumentError ? corrupt(path, error.message, error) : error
      }
    })
    return sources.sort()
  }

  async restoreImports(source: string, outcomes: ReadonlyMap<string, Outcome>): Promise<void> {
    checkKey('jsonl', 'source', source)
    await this.#targets.locks.hold(join(this.#directory, '.lock'), async () => {
      const { done } = this.#read(source)
      const missing = [...outcomes].filter(([key]) => !done.has(key))
      if (missing.length > 0) await this.#note(source, { done: Object.fromEntries(missing) })
    })
  }

  async import(source: string, given: readonly ImportRecord[]): Promise<Map<string, Outcome>> {
    checkKey('jsonl', 'source', source)
    for (const record of given) checkImport('jsonl', record)
    const records = structuredClone(given)
    if (records.length === 0) return new Map()
    return await this.#targets.locks.hold(join(this.#directory, '.lock'), () => this.#take(source, records))
  }

  async #take(source: string, records: readonly ImportRecord[]): Promise<Map<string, Outcome>> {
    const { done, begun } = this.#read(source)
    const outcomes = new Map<string, Outcome>()
    const wanted: ImportRecord[] = []
    const given = new Set<string>()
    for (const record of records) {
      if (outcomes.has(record.key)) continue
      const known = done.has(record.key)
      const own = begun.has(record.key)
      const id = `${record.kind} ${importedId(record)}`
      const taken = known || given.has(id) || (!own && (await this.#exists(record)))
      given.add(id)
      outcomes.set(record.key, taken ? 'already' : 'import')
      if (!taken) wanted.push(record)
    }
    const fresh = wanted.filter(({ key }) => !begun.has(key)).map(({ key }) => key)
    const size = Buffer.byteLength(this.#targets.shellHistory.text())
    if (fresh.length > 0) await this.#note(source, { begin: fresh, history: size })
    const lines = wanted.filter((record): record is HistoryRecord => record.kind === 'history')
    this.#takeLines(
      lines.filter(({ key }) => begun.has(key)),
      Math.min(...begun.values()),
    )
    this.#takeLines(lines.filter(({ key }) => !begun.has(key)))
    for (const record of wanted) await this.#takeRecord(record)
    const settled = [...outcomes].filter(([key]) => !done.has(key))
    if (settled.length > 0) await this.#note(source, { done: Object.fromEntries(settled) })
    return outcomes
  }

  /** Appends lines; with `from` only what does not stand behind that size of the history already. */
  #takeLines(records: readonly HistoryRecord[], from?: number): void {
    const { shellHistory } = this.#targets
    let commands = records.map(({ command }) => command)
    if (from !== undefined && commands.length > 0) {
      const written = Buffer.from(shellHistory.text()).subarray(from).toString('utf8')
      if (written.includes(historyText(commands))) return
      // One write that was cut short: its complete lines stand at the end.
      const complete = written.slice(0, written.lastIndexOf('\n') + 1)
      const count = commands.findLastIndex((_, n) => complete.endsWith(historyText(commands.slice(0, n + 1))))
      commands = commands.slice(count + 1)
    }
    if (commands.length > 0) shellHistory.addLines(commands)
  }

  async #exists(record: ImportRecord): Promise<boolean> {
    const { conversations, sessionGroups, jobs, plans } = this.#targets
    switch (record.kind) {
      case 'seen':
        return true
      case 'history':
        return false
      case 'plan':
        return plans.has(record.plan.id)
      case 'conversation':
        return conversations.has(record.conversation.metadata.id)
      case 'session_group':
        return (await sessionGroups.get(record.groupKey)) !== undefined
      case 'job':
        return (await jobs()).records.has(record.job.id)
    }
  }

  async #takeRecord(record: ImportRecord): Promise<void> {
    const { conversations, sessionGroups, jobs, plans } = this.#targets
    switch (record.kind) {
      case 'seen':
      case 'history':
        return
      case 'plan':
        await plans.takeIn(record.plan)
        return
      case 'conversation':
        await conversations.takeIn(record.conversation)
        return
      case 'session_group':
        if (await this.#exists(record)) return
        await sessionGroups.put(record.groupKey, record.group, { expected: ABSENT })
        return
      case 'job':
        await (await jobs()).records.takeIn(record.job, record)
    }
  }

  #read(source: string): Ledger {
    const path = this.#path(source)
    return readLedger(path, textOf(path))
  }

  async #note(source: string, line: JsonObject): Promise<void> {
    const path = this.#path(source)
    makeDirectory(dirname(path))
    let isNew = false
    try {
      const fd = openSync(path, 'a+', 0o600)
      try {
        const content = readFileSync(fd)
        isNew = content.length === 0
        // What a killed writer left of a line is closed as one that says so.
        const torn = content.length > 0 && content.at(-1) !== 10 ? '\r\n' : ''
        writeAll(fd, `${torn}${JSON.stringify(isNew ? { source, ...line } : line)}\n`)
        await dataSync(fd)
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      throw ioError(error, path, 'write')
    }
    if (isNew) await syncDirectory(this.#directory)
  }

  #path(source: string): string {
    return join(this.#directory, `${digest(source)}.jsonl`)
  }
}

/** What cannot be read of the ledgers of a directory. */
export function examineLedgers(directory: string): StorageError[] {
  return ledgersOf(directory).flatMap((file) => {
    const path = join(directory, file)
    try {
      const text = textOf(path)
      if (text !== '') field.text(parseObject(text.split('\n', 1)[0] ?? ''), 'source')
      readLedger(path, text)
      return []
    } catch (error) {
      if (error instanceof DocumentError) return [corrupt(path, error.message, error)]
      if (error instanceof StorageError) return [error]
      throw error
    }
  })
}

const ledgersOf = (directory: string) => list(directory).filter((file) => /^[0-9a-f]{32}\.jsonl$/.test(file))

/** Empty when there is none. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return ''
    throw ioError(error, path, 'read')
  }
}

/** Throws E_CORRUPT. */
function readLedger(path: string, text: string): Ledger {
  const ledger: Ledger = { done: new Map(), begun: new Map() }
  // A last line without its line break was never acknowledged.
  for (const [index, line] of text.split('\n').slice(0, -1).entries()) {
    if (line === '') continue
    try {
      add(ledger, parseObject(line))
    } catch (error) {
      if (!line.endsWith('\r')) throw corrupt(path, `line ${index + 1}: ${(error as Error).message}`, error)
    }
  }
  return ledger
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw ioError(error, directory, 'list')
  }
}

function add({ done, begun }: Ledger, line: JsonObject): void {
  const size = line.begin === undefined ? 0 : field.number(line, 'history')
  for (const key of field.list(line, 'begin')) if (typeof key === 'string') begun.set(key, size)
  if (line.done === undefined) return
  const outcomes = field.object(line, 'done')
  for (const key of Object.keys(outcomes)) {
    done.set(key, field.oneOf<Outcome>(outcomes, key, ['import', 'already']))
    begun.delete(key)
  }
}
