import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags } from '#command.ts'
import {
  conversationsOnDisk,
  importCounts,
  importNotes,
  importOptions,
  importWarnings,
} from '#commands/import-artifacts.ts'
import { importProgress } from '#commands/import-progress.ts'
import type { LoadedSettings } from '#config/load.ts'
import type { ImportOptions } from '#storage/transfer/import-artifacts.ts'
import type { ImportReport } from '#storage/transfer/import-report.ts'

export default class Migrate extends BaseCommand {
  static override description =
    'Bring the schema of the storage up to date, and take in what older installations and the Go infer left: jobs, plans and history in files, everything in the same database. Files are kept as a backup, tables and keys are only read. Exit 1 when something could not be taken in.'
  static override examples = [
    '<%= config.bin %> migrate --dry-run',
    '<%= config.bin %> migrate',
    '<%= config.bin %> migrate --status --json | jq .ledger',
  ]
  static override flags = {
    ...jsonFlags,
    'dry-run': boolean({ description: 'Say what would happen and touch nothing.', exclusive: ['status'] }),
    status: boolean({ description: 'Show the schema, what came in so far, and what a run would do.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Migrate)
    const loaded = await this.settings()
    const { cwd, home } = await this.surroundings()
    const options = importOptions(loaded, { cwd, home, warn: (message) => this.warning(message) })
    const dry = flags['dry-run'] === true || flags.status === true
    const { schema, ledger } = await look(options, flags.status === true)
    const report = dry ? await this.#import(options) : await this.withStores((stores) => this.#import(options, stores))
    for (const warning of importWarnings(report)) this.warning(warning)
    this.#pointAtConversations(options, loaded, { cwd, home })
    const view = {
      backend: options.storage.type,
      dry_run: dry,
      schema,
      ...(ledger && { ledger }),
      artifacts: report.artifacts.map((artifact) => ({ ...artifact, reason: artifact.reason ?? null })),
      renamed: report.renamed,
    }
    const { table } = await import('#terminal/table.ts')
    this.printResult(flags, view, () => {
      const rows = ledger?.map(({ source, records }) => [source, String(records)]) ?? []
      const failed = report.artifacts.filter(({ action }) => action === 'failed')
      return [
        schemaLine(schema, dry),
        ...(rows.length > 0 ? [table(['imported from', 'records'], rows, this.columns)] : []),
        ...summary(report, options, dry),
        ...(failed.length > 0
          ? [
              table(
                ['kind', 'id', 'source', 'reason'],
                failed.map(({ kind, id, source, reason }) => [kind, id, source, reason ?? '']),
                this.columns,
              ),
            ]
          : []),
      ].join('\n')
    })
    if (report.artifacts.some(({ action }) => action === 'failed')) process.exitCode = 1
  }

  async #import(options: ImportOptions, stores?: Parameters<typeof migrateStores>[1]): Promise<ImportReport> {
    using progress = importProgress(process.stderr)
    return await migrateStores(options, stores, {
      dryRun: stores === undefined,
      thorough: true,
      onNotice: (sentence) => this.warning(sentence),
      onStep: progress.step,
    })
  }

  /** They are not imported: they are few or many, and the Go infer may go on with them. */
  #pointAtConversations(options: ImportOptions, loaded: LoadedSettings, place: { cwd: string; home: string }): void {
    const { type } = options.storage
    const onDisk = type === 'jsonl' || type === 'memory' ? undefined : conversationsOnDisk(loaded, place)
    if (!onDisk) return
    this.note(
      `${onDisk.count} conversations in ${onDisk.directory} stay there; to take them over: infer storage copy --from jsonl --to ${type}`,
    )
  }
}

async function migrateStores(
  ...args: Parameters<typeof import('#storage/transfer/import-artifacts.ts').migrateLegacyArtifacts>
): Promise<ImportReport> {
  const { migrateLegacyArtifacts } = await import('#storage/transfer/import-artifacts.ts')
  return await migrateLegacyArtifacts(...args)
}

interface SchemaVersions {
  from: number
  to: number
}

/** The stored schema before anything is opened, and what came in so far when that is asked for. */
async function look(options: ImportOptions, withLedger: boolean) {
  const { openView } = await import('#storage/transfer/import-view.ts')
  await using view = await openView(options.storage)
  return { schema: { ...view.schema }, ledger: withLedger ? await view.ledger() : undefined }
}

function schemaLine({ from, to }: SchemaVersions, dry: boolean): string {
  if (from === to) return `Schema: version ${to}, up to date.`
  const before = from === 0 ? 'none' : `version ${from}`
  return dry ? `Schema: ${before}, would become version ${to}.` : `Schema: version ${to}, before it was ${before}.`
}

function summary(report: ImportReport, { storage }: ImportOptions, dry: boolean): string[] {
  const counts = importCounts(report, 'import')
  const already = importCounts(report, 'already')
  const lines = dry
    ? counts === ''
      ? []
      : [`Would import into ${storage.type}: ${counts}.`]
    : importNotes(report, storage.type)
  if (already !== '') lines.push(`There already: ${already}.`)
  return lines.length === 0 ? ['Nothing to import.'] : lines
}
