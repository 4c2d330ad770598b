import { isUtf8 } from 'node:buffer'
import { closeSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { codeOf, ioError, isMissing } from '#storage/jsonl/io-error.ts'
import { parseJobFile } from '#storage/jsonl/job-file.ts'
import { FilePlans } from '#storage/jsonl/plans.ts'
import { commandOf } from '#storage/jsonl/shell-history.ts'
import { checkId } from '#storage/rules/check.ts'
import type { Found } from './import-records.ts'
import { importedJob } from './imported-job.ts'
import { contentHash, historyFile, namesIn } from './legacy-files.ts'
import type { SourceKind } from './rename-source.ts'

/** Files, and lines, read before other work of the process gets a turn: the batch before is being written meanwhile. */
const SLICE = 10
const LINE_SLICE = 200

/** The jobs of a directory of definitions. A file that cannot be used is found with its reason. */
async function* jobsIn(directory: string): AsyncGenerator<Found> {
  for (const [index, name] of namesIn(directory, '.yaml').entries()) {
    if (index % SLICE === SLICE - 1) await turn()
    const id = name.slice(0, -'.yaml'.length)
    const found = attempt('schedule', id, `${directory}/${name}`, () => {
      checkId('jsonl', 'job', id)
      const bytes = readFileSync(`${directory}/${name}`)
      const { job, lastRun, lastError, otherId } = parseJobFile(id, textOf(bytes))
      const key = `job:${id}@${contentHash(bytes)}`
      const record = { key, kind: 'job', ...importedJob(job), ...(lastRun && { lastRun }) } as const
      return {
        kind: 'schedule',
        id,
        record: { ...record, ...(lastError !== undefined && { lastError }) },
        ...(otherId !== undefined && { reason: `it says id ${JSON.stringify(otherId)} inside; the name counts` }),
      }
    })
    if (found) yield found
  }
}

/** The plans of a directory. */
async function* plansIn(directory: string): AsyncGenerator<Found> {
  const plans = new FilePlans(directory)
  for (const name of namesIn(directory, '.md')) {
    const id = name.slice(0, -'.md'.length)
    try {
      const plan = await plans.load(id)
      const key = `plan:${id}@${contentHash(`${plan.title}\n\n${plan.body}`)}`
      yield { kind: 'plan', id, record: { key, kind: 'plan', plan } }
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'E_NOT_FOUND') yield { kind: 'plan', id, failed: reasonOf(error) }
      else if (isThere(`${directory}/${name}`)) yield { kind: 'plan', id, failed: DANGLING }
    }
  }
}

const CHUNK = 1 << 20
const LINE_BREAK = 10

/** The commands of a history file, read piece by piece. A line that is no UTF-8 is found with its reason. */
async function* historyIn(path: string): AsyncGenerator<Found> {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (isMissing(error)) return
    throw ioError(error, path, 'read')
  }
  try {
    let position = 0
    let pieces: Buffer[] = []
    const buffer = Buffer.alloc(CHUNK)
    for (;;) {
      const size = readSync(fd, buffer, 0, CHUNK, null)
      if (size === 0) break
      const chunk = buffer.subarray(0, size)
      let start = 0
      for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, start)) {
        position += 1
        const rest = chunk.subarray(start, end)
        yield line(position, pieces.length === 0 ? rest : Buffer.concat([...pieces, rest]))
        pieces = []
        if (position % LINE_SLICE === 0) await turn()
        start = end + 1
      }
      if (start < size) pieces.push(Buffer.from(chunk.subarray(start)))
    }
    if (pieces.length > 0) yield line(position + 1, Buffer.concat(pieces))
  } catch (error) {
    throw ioError(error, path, 'read')
  } finally {
    closeSync(fd)
  }
}

function line(number: number, bytes: Buffer): Found {
  const id = String(number)
  try {
    const command = commandOf(textOf(bytes))
    return { kind: 'history', id, record: { key: `history:${id}@${contentHash(bytes)}`, kind: 'history', command } }
  } catch (error) {
    return { kind: 'history', id, failed: reasonOf(error) }
  }
}

const DANGLING = 'it is a link to a file that does not exist'

/** What was found in a file, or why not; undefined when it is gone, which it is where another process was faster. */
function attempt(kind: Found['kind'], id: string, path: string, find: () => Found): Found | undefined {
  try {
    return find()
  } catch (error) {
    if (!isMissing(error)) return { kind, id, failed: reasonOf(error) }
    return isThere(path) ? { kind, id, failed: DANGLING } : undefined
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function reasonOf(error: unknown): string {
  if (codeOf(error) === 'EACCES') return 'it may not be read: permission denied'
  return error instanceof Error ? error.message : String(error)
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8 text')
  return bytes.toString('utf8')
}

/** What stands in a source of that kind. */
export const READERS: Readonly<Record<SourceKind, (at: string) => AsyncIterable<Found>>> = {
  schedule: jobsIn,
  plan: plansIn,
  history: (at) => historyIn(historyFile(at)),
}
