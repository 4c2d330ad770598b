import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { byDomain, type Damage, type DomainName } from '#storage/contract/damage.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { JsonlOptions } from '#storage/options.ts'
import { isId } from '#storage/rules/check.ts'
import { DocumentError } from '#storage/rules/fields.ts'
import { readConversation, readTail } from './conversation-file.ts'
import { examineRuns } from './examine-runs.ts'
import { ioError, isMissing, statOf } from './io-error.ts'
import { JobDefinitions } from './job-definitions.ts'
import { Locks } from './locks.ts'
import { FilePlans } from './plans.ts'
import { filesOf, ORPHAN_MS } from './replace-file.ts'
import { FileSessionGroups } from './session-groups.ts'
import { FileShellHistory } from './shell-history.ts'

/** Files after which other work of the process gets a turn. */
const SLICE = 100

/** Everything below the places of the files backend; nothing is swept, healed or locked. */
export async function examineFiles(options: JsonlOptions): Promise<Damage[]> {
  const { conversationsDir, plansDir, schedulesDir, runsDir } = options
  const damage = [
    ...(await examineConversations(conversationsDir)),
    ...(await examineGroups(options.sessionGroupsFile)),
    ...(await examineRuns(runsDir)),
    ...(await examineDefinitions(schedulesDir)),
    ...(await new FilePlans(plansDir, true).list()).unreadable.map(({ id, error }) => told('plans', id, error)),
    ...examineHistory(options.historyFile),
    ...examinePlace('conversations', conversationsDir),
    ...examinePlace('scheduled_jobs', schedulesDir),
    ...examinePlace('plans', plansDir),
    ...examinePlace('job_runs', runsDir),
    ...examineSingle('session_groups', options.sessionGroupsFile),
    ...examineSingle('shell_history', options.historyFile),
  ]
  return damage.sort(byDomain)
}

async function examineConversations(directory: string): Promise<Damage[]> {
  const damage: Damage[] = []
  for (const [n, file] of filesOf(directory, true).entries()) {
    if (n % SLICE === SLICE - 1) await turn()
    if (!file.endsWith('.jsonl') || file.startsWith('.')) continue
    damage.push(...examineConversation(directory, file.slice(0, -'.jsonl'.length)))
  }
  return damage
}

function examineConversation(directory: string, id: string): Damage[] {
  const path = join(directory, `${id}.jsonl`)
  const domain = 'conversations'
  if (!isId(id)) {
    const cure = `give ${path} a name of letters, digits, ".", "_" or "-"`
    return [{ domain, id: path, problem: 'the name of the file is not a valid conversation id', cure }]
  }
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    return isMissing(error) ? [] : [told(domain, id, ioError(error, path, 'read'))]
  }
  try {
    const { damage, entries } = readConversation(id, fd)
    const counted = readTail(id, fd, fstatSync(fd).size).length
    const cure = `look at ${path}; the rest of it is read, and the next message keeps the damaged part in a line of its own`
    const found: Damage[] = damage.map((problem) => ({ domain, id, problem, cure }))
    if (damage.length === 0 && counted !== entries.length) {
      const problem = `its metadata counts ${counted} entries, ${entries.length} are there`
      found.push({
        domain,
        id,
        problem,
        cure: `restore ${path} from a backup, or correct message_count in its last line`,
      })
    }
    return found
  } catch (error) {
    if (error instanceof StorageError) return [told(domain, id, error)]
    if (!(error instanceof DocumentError)) return [told(domain, id, ioError(error, path, 'read'))]
    return [{ domain, id, problem: `it cannot be read: ${error.message}`, cure: `mend ${path}, or move it away` }]
  } finally {
    closeSync(fd)
  }
}

async function examineGroups(path: string): Promise<Damage[]> {
  await using locks = new Locks(0)
  try {
    await new FileSessionGroups(path, locks).list()
    return []
  } catch (error) {
    return [told('session_groups', path, error)]
  }
}

async function examineDefinitions(directory: string): Promise<Damage[]> {
  const definitions = new JobDefinitions(directory, () => {}, true)
  const damage: Damage[] = []
  for (const [id, outcome] of await definitions.readAll(definitions.names())) {
    if (outcome instanceof StorageError) damage.push(told('scheduled_jobs', id, outcome))
  }
  return damage
}

function examineHistory(file: string): Damage[] {
  const path = new FileShellHistory(file).location
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    return isMissing(error) ? [] : [told('shell_history', path, ioError(error, path, 'read'))]
  }
  const damage: Damage[] = []
  const add = (problem: string, cure: string) => damage.push({ domain: 'shell_history', id: path, problem, cure })
  const lines = bytes.toString('latin1').split('\n')
  const last = lines.pop()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (const [n, line] of lines.entries()) {
    if (line.includes('\0')) add(`line ${n + 1} holds a NUL character`, `remove line ${n + 1} of ${path}`)
    try {
      decoder.decode(Buffer.from(line, 'latin1'))
    } catch {
      add(`line ${n + 1} is not UTF-8 text`, `remove or correct line ${n + 1} of ${path}`)
    }
  }
  if (last !== '')
    add('its last line is torn: the line break is missing', `complete or remove the last line of ${path}`)
  return damage
}

/** Permissions and left temporary files of a directory and what is below it. */
function examinePlace(domain: DomainName, directory: string): Damage[] {
  const stats = statOf(directory)
  if (!stats) return []
  const damage = examineMode(domain, directory, Number(stats.mode), '700')
  let names: string[]
  try {
    names = filesOf(directory, true)
  } catch (error) {
    return [...damage, told(domain, directory, error)]
  }
  for (const name of names) {
    const path = join(directory, name)
    const below = statOf(path)
    if (below?.isDirectory()) damage.push(...examinePlace(domain, path))
    else if (below) damage.push(...examineFile(domain, path, below))
  }
  return damage
}

/** The same for one file among those of others. */
function examineSingle(domain: DomainName, file: string): Damage[] {
  const directory = dirname(file)
  const own = filesOf(directory, true).filter(
    (name) => name === basename(file) || name === `.${basename(file)}.lock` || isTemporaryOf(name, basename(file)),
  )
  return own.flatMap((name) => {
    const path = join(directory, name)
    const stats = statOf(path)
    if (stats?.isDirectory()) return examinePlace(domain, path)
    return stats ? examineFile(domain, path, stats) : []
  })
}

const isTemporaryOf = (name: string, file: string) => name.startsWith(`.${file}.`) && name.endsWith('.tmp')

function examineFile(domain: DomainName, path: string, stats: { mode: bigint; mtimeMs: bigint }): Damage[] {
  const name = basename(path)
  if (!name.startsWith('.') || !name.endsWith('.tmp')) return examineMode(domain, path, Number(stats.mode), '600')
  const hours = Math.floor((Date.now() - Number(stats.mtimeMs)) / ORPHAN_MS)
  if (hours < 1) return []
  const problem = `a killed writer left this temporary file ${hours} h ago`
  return [{ domain, id: path, problem, cure: `rm ${path}; the next listing also removes it` }]
}

function examineMode(domain: DomainName, path: string, mode: number, right: '600' | '700'): Damage[] {
  if ((mode & 0o077) === 0) return []
  const found = (mode & 0o777).toString(8).padStart(4, '0')
  return [{ domain, id: path, problem: `others may read or change it (mode ${found})`, cure: `chmod ${right} ${path}` }]
}

function told(domain: DomainName, id: string, error: unknown): Damage {
  if (!(error instanceof StorageError)) throw error
  return { domain, id, problem: error.message, cure: error.hint ?? 'restore it from a backup, or move it away' }
}
