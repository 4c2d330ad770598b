import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LoadedSettings } from '#config/load.ts'
import { storageOptions } from '#config/storage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { JsonlOptions, StorageOptions, StorageType } from '#storage/options.ts'
import type { ImportOptions, ImportPlaces } from '#storage/transfer/import-artifacts.ts'
import type { ArtifactKind, ImportReport } from '#storage/transfer/import-report.ts'

/** What an import is told about the process. */
export interface ImportSurroundings {
  readonly cwd: string
  readonly home: string
  /** A sentence for stderr that asks for attention. */
  readonly warn: (sentence: string) => void
  /** A sentence for stderr that only informs. */
  readonly note: (sentence: string) => void
}

/** Failures that are named one by one; the backup has them all. */
const NAMED = 10

/**
 * Takes in what earlier installations left, at the start of a command. Nothing that is wrong with those files or
 * tables stops the command: it is said on stderr. Throws what the stores throw. Returns them.
 */
export async function importArtifacts(
  stores: Stores,
  loaded: LoadedSettings,
  { warn, note, ...place }: ImportSurroundings,
): Promise<Stores> {
  const options = importOptions(loaded, { ...place, warn })
  const { migrateLegacyArtifacts } = await import('#storage/transfer/import-artifacts.ts')
  const report = await migrateLegacyArtifacts(options, stores, { onNotice: warn })
  for (const sentence of importNotes(report, options.storage.type)) note(sentence)
  for (const warning of importWarnings(report)) warn(warning)
  return stores
}

/** Where an import looks, and the backend it is for. */
export function importOptions(
  { settings, configDir }: Pick<LoadedSettings, 'settings' | 'configDir'>,
  { cwd, home, warn }: Pick<ImportSurroundings, 'cwd' | 'home' | 'warn'>,
): ImportOptions {
  const at = { cwd, home, configDir }
  const files = { ...settings, storage: { ...settings.storage, enabled: true, type: 'jsonl' as const } }
  const storage = storageOptions(settings, { ...at, warn })
  const older = storageOptions(files, { ...at, warn: () => {} })
  if (older.type !== 'jsonl') throw new Error('these settings name the files')
  return { storage, places: importPlaces(storage, older, join(home, '.infer')) }
}

/**
 * The places of the files backend, and those of newer Go releases. For the files backend its own places count only
 * as far as an import into another backend was interrupted there. `~/.infer/plans` stays where a user's config.yaml
 * makes it the place of that user's plans.
 */
function importPlaces(storage: StorageOptions, older: JsonlOptions, userDir: string): ImportPlaces {
  const { schedulesDir, plansDir, historyFile, runsDir, conversationsDir } = older
  const own = storage.type === 'jsonl'
  const schedules = join(dirname(conversationsDir), 'schedules')
  const plans = join(userDir, 'plans')
  return {
    sources: [
      { kind: 'schedule', path: schedulesDir, own },
      ...(schedules === schedulesDir ? [] : [{ kind: 'schedule', path: schedules } as const]),
      { kind: 'plan', path: plansDir, own },
      ...(plans === plansDir || existsSync(join(userDir, 'config.yaml'))
        ? []
        : [{ kind: 'plan', path: plans } as const]),
      { kind: 'history', path: historyFile, own },
    ],
    ...(!own && { daemons: { schedulesDir, runsDir } }),
  }
}

const NAMES: Readonly<Record<ArtifactKind, [one: string, many: string]>> = {
  schedule: ['job', 'jobs'],
  plan: ['plan', 'plans'],
  history: ['line of history', 'lines of history'],
  conversation: ['conversation', 'conversations'],
  session_group: ['session group', 'session groups'],
}

/** `3 jobs, 1 plan`, of those with that action; empty when there are none. */
export function importCounts(report: ImportReport, action: 'import' | 'already' | 'failed'): string {
  const counts = new Map<ArtifactKind, number>()
  for (const artifact of report.artifacts) {
    if (artifact.action === action) counts.set(artifact.kind, (counts.get(artifact.kind) ?? 0) + sizeOf(artifact.id))
  }
  return [...counts].map(([kind, count]) => `${count} ${NAMES[kind][count === 1 ? 0 : 1]}`).join(', ')
}

/** How many an id such as `1-40` stands for. */
function sizeOf(id: string): number {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(id) ?? []
  return from === undefined ? 1 : Number(to) - Number(from) + 1
}

/** What came in, and where what was moved stands now. */
export function importNotes(report: ImportReport, type: StorageType): string[] {
  const counts = importCounts(report, 'import')
  const moved = report.renamed.map(({ from, to }) =>
    type === 'jsonl'
      ? `What was in ${from} is now where this release keeps it; to undo: mv ${quoted(to)} ${quoted(from)}`
      : `${from} is kept as ${to}`,
  )
  return [...(counts === '' ? [] : [`Imported into ${type}: ${counts}.`]), ...moved, ...report.notes]
}

export function importWarnings(report: ImportReport): string[] {
  const failed = report.artifacts.filter(({ action }) => action === 'failed')
  const named = failed
    .slice(0, NAMED)
    .map(({ kind, id, source, reason }) => `${NAMES[kind][0]} ${id} of ${source} was not imported: ${reason ?? ''}`)
  const more = failed.length > NAMED ? [`${failed.length - NAMED} more were not imported; they are kept there`] : []
  return [...report.warnings, ...named, ...more]
}

/** A path as a shell reads it. */
function quoted(path: string): string {
  return /^[\w./~+@%-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

/** Conversations of the files backend, which an import leaves where they are; undefined when there are none. */
export function conversationsOnDisk({ settings, configDir }: LoadedSettings, place: { cwd: string; home: string }) {
  const files = { ...settings, storage: { ...settings.storage, enabled: true, type: 'jsonl' as const } }
  const options = storageOptions(files, { ...place, configDir, warn: () => {} })
  if (options.type !== 'jsonl' || !existsSync(options.conversationsDir)) return undefined
  const count = readdirSync(options.conversationsDir).filter((name) => name.endsWith('.jsonl')).length
  return count === 0 ? undefined : { count, directory: options.conversationsDir }
}
