import type { Stores } from '#storage/contract/stores.ts'
import type { StorageOptions } from '#storage/options.ts'
import { digest } from '#storage/rules/revision.ts'
import { adoptGoData } from './adopt.ts'
import { copiedHistory } from './copied-history.ts'
import type { ImportContext, ImportStep, ImportTarget } from './import-records.ts'
import { ImportLog, type ImportReport } from './import-report.ts'
import { fingerprint } from './legacy-files.ts'
import { type FileSource, findSources, settleSource, type TakenSource, takeSource } from './rename-source.ts'

const NOTED_AT_ONCE = 1_000

/** Where an earlier installation may have left something; absolute, nothing needs to exist. */
export interface ImportPlaces {
  readonly sources: readonly FileSource[]
  /** The definitions that a daemon on the files backend would run, and where such daemons say that they are alive. */
  readonly daemons?: { readonly schedulesDir: string; readonly runsDir: string }
}

export interface ImportOptions {
  readonly places: ImportPlaces
  readonly storage: StorageOptions
}

export interface ImportChoices {
  /** Says what would happen and touches nothing: no table, file, directory, key. Then no stores are needed. */
  readonly dryRun?: boolean
  /** Looks at everything, also at what has not changed since it was looked at last. Default false, as at a start. */
  readonly thorough?: boolean
  /** Told before something happens that a person should know at once. */
  readonly onNotice?: (sentence: string) => void
  readonly onStep?: (step: ImportStep) => void
}

/**
 * Takes in what older installations and the Go CLI left in files, and what the Go CLI has in the same database.
 *
 * Killed at any point, or run by several processes at once, the result equals one clean import: a source is renamed
 * first (one winner), each record comes with its row in the ledger, and what was begun is resumed at the next call.
 * What cannot be read is reported and stays in the backup. Throws what the stores throw.
 */
export async function migrateLegacyArtifacts(
  { places, storage }: ImportOptions,
  stores: Stores | undefined,
  choices: ImportChoices = {},
): Promise<ImportReport> {
  const log = new ImportLog()
  if (storage.type === 'memory') return log
  const { dryRun = false, thorough = false, onNotice = () => {}, onStep = () => {} } = choices
  await using view = dryRun || !stores ? await (await import('./import-view.ts')).openView(storage) : undefined
  const target: ImportTarget = view ?? (stores as Stores).coordination
  const history = async () => (view ? await view.history() : ((await stores?.shellHistory.load(0)) ?? []))
  const context: ImportContext = { backend: storage.type, target, history, log, onStep }
  await importFiles(places, context, { dryRun: view !== undefined, thorough })
  await adoptGoData(storage, context, { dryRun: view !== undefined, thorough, onNotice })
  return log
}

interface FileChoices {
  readonly dryRun: boolean
  readonly thorough: boolean
}

async function importFiles(places: ImportPlaces, context: ImportContext, choices: FileChoices): Promise<void> {
  const { untaken, taken } = findSources(places.sources)
  const begun = [...taken]
  for (const source of untaken) {
    if (await isInUse(source, places, context)) continue
    if (choices.dryRun) await importFrom(source.path, source, undefined, context)
    else {
      const { kind } = source
      context.onStep({ name: 'taking', kind, count: 0 })
      const mine = await attempt(() => takeSource(source), `${source.path} could not be taken`, context)
      context.onStep({ name: 'taken', kind, count: 0 })
      if (mine === 'unchangeable') await importInPlace(source, context, choices)
      else if (mine) begun.push(mine)
      // Somebody else took it a moment ago: help them, so that everything is there when this returns.
      else begun.push(...findSources([source]).taken)
    }
  }
  for (const source of begun) await finish(source, context, choices)
}

async function isInUse(
  { kind, path }: FileSource,
  { daemons }: ImportPlaces,
  { log }: ImportContext,
): Promise<boolean> {
  if (kind !== 'schedule' || path !== daemons?.schedulesDir) return false
  const { fileDaemons } = await import('./legacy-daemons.ts')
  const alive = await fileDaemons(daemons.runsDir)
  if (alive.length === 0) return false
  log.warnings.push(
    `the jobs in ${path} stay there: a daemon with storage.type jsonl runs them on ${alive.join(', ')}; stop it, then: infer migrate`,
  )
  return true
}

/** Imports from a taken source and gives it its name as a backup. */
async function finish(source: TakenSource, context: ImportContext, { dryRun }: FileChoices): Promise<void> {
  const { kind, path, at, uuid } = source
  if (!(await importFrom(at, source, uuid, context)) || dryRun) return
  context.onStep({ name: 'settling', kind, count: 0 })
  const to = await attempt(() => settleSource(source, new Date()), `${at} could not be renamed`, context)
  context.onStep({ name: 'settled', kind, count: 0 })
  if (to === undefined) return
  context.log.renamed.push({ from: path, to })
}

/**
 * Imports from a place that this process may not change, under its path and the hash of each content: once, unless
 * it changes.
 */
async function importInPlace(source: FileSource, context: ImportContext, { thorough }: FileChoices): Promise<void> {
  const { target, log } = context
  const state = `${identityOf(source)} state`
  const seen = fingerprint(source.path)
  if (!thorough && (await target.imported(state)).has(seen)) return
  if (!(await importFrom(source.path, source, identityOf(source), context))) return
  await target.import(state, [{ key: seen, kind: 'seen' }])
  log.warnings.push(
    `${source.path} cannot be renamed, so it was imported and stays; what is in it is not used any more`,
  )
}

async function noteSeen(source: string, keys: Iterable<string>, { target }: ImportContext): Promise<void> {
  const records = [...keys].map((key) => ({ key, kind: 'seen' }) as const)
  for (let from = 0; from < records.length; from += NOTED_AT_ONCE) {
    await target.import(source, records.slice(from, from + NOTED_AT_ONCE))
  }
}

/** A path may be longer than the name of a source. */
function identityOf({ path }: FileSource): string {
  return `file ${path.length > 400 ? digest(path) : path}`
}

/** False, with a warning in the log, when the source could not be read to its end. */
async function importFrom(
  at: string,
  source: FileSource,
  uuid: string | undefined,
  context: ImportContext,
): Promise<boolean> {
  const { kind, path } = source
  const inPlace = identityOf(source)
  const [{ takeInFound }, { READERS }] = await Promise.all([import('./import-records.ts'), import('./import-files.ts')])
  // What came in while it could not be renamed.
  const before = uuid === inPlace ? undefined : await context.target.imported(inPlace)
  const copied = kind === 'history' ? await copiedHistory(READERS.history(at), context.history) : undefined
  // The file stays and may grow, and then it is no longer how the history of the target begins.
  if (copied && uuid === inPlace) await noteSeen(inPlace, copied, context)
  const known = { has: (key: string) => copied?.has(key) === true || before?.has(key) === true }
  const from = { kind, source: uuid ?? inPlace, place: path, known }
  return await takeInFound(READERS[kind](at), from, context)
}

/** What a file operation gives, or a warning and undefined: it is tried again at the next call. */
async function attempt<T>(work: () => Promise<T>, what: string, { log }: ImportContext): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    log.warnings.push(
      `${what}, the next call tries it again: ${error instanceof Error ? error.message : String(error)}`,
    )
    return undefined
  }
}
