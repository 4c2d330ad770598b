import { boolean, option } from '@oclif/core/flags'
import { BaseCommand, jsonFlags } from '#command.ts'
import { stopSignals } from '#commands/stop-signals.ts'
import { damageLines, differenceLines } from '#commands/storage/verify-view.ts'
import { InferError } from '#errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { STORAGE_TYPES, type StorageType } from '#storage/options.ts'
import type { CopyReport } from '#storage/transfer/copy.ts'
import { table } from '#terminal/table.ts'
import { CopyProgress } from './copy-progress.ts'
import { checkTypes, openEmptyOrReal, openSide } from './open-both.ts'

const SILENT_MS = 60_000

export default class StorageCopy extends BaseCommand {
  static override description =
    'Copy everything that one backend holds into another one, each as the settings name its place, and compare both. ' +
    'The source is not changed. At the target nothing is overwritten: what is there and equal is passed over, so a ' +
    'copy that was stopped goes on when it is started again. Exit 1 when something could not be copied.'
  static override examples = [
    '<%= config.bin %> storage copy --from jsonl --to postgres --dry-run',
    '<%= config.bin %> storage copy --from jsonl --to postgres',
  ]
  static override flags = {
    ...jsonFlags,
    from: option({ options: STORAGE_TYPES, required: true, description: 'Backend that is read.' })(),
    to: option({ options: STORAGE_TYPES, required: true, description: 'Backend that is written.' })(),
    'dry-run': boolean({ description: 'Say what would be copied and write nothing.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(StorageCopy)
    checkTypes(flags.from, flags.to)
    const loaded = await this.settings()
    const optionsOf = async (type: StorageType) => {
      const storage = { ...loaded.settings.storage, enabled: true, type }
      return await this.storageOptions({ ...loaded, settings: { ...loaded.settings, storage } })
    }
    const dryRun = flags['dry-run']
    const report = await (async () => {
      await using from = await openSide(optionsOf, flags.from, dryRun)
      await using to = await (dryRun ? openEmptyOrReal(optionsOf, flags.to) : openSide(optionsOf, flags.to, false))
      if (!dryRun) await refuseDaemons(from, to)
      return await this.#copy(from, to, dryRun)
    })()
    const failed = report.problems.length > 0 || report.verified.some(({ missing }) => missing > 0)
    const data = {
      dry_run: dryRun,
      equal: dryRun ? null : !report.verified.some(isUnequal),
      domains: report.domains,
      problems: report.problems,
    }
    this.printResult(flags, data, () => {
      const end = dryRun ? 'Nothing was written.' : outcome(report.verified, flags, loaded.files.length > 0)
      return text(report, dryRun, this.columns, end)
    })
    if (failed) process.exitCode = 1
  }

  async #copy(from: Stores, to: Stores, dryRun: boolean): Promise<CopyReport> {
    const { copyStores } = await import('#storage/transfer/copy.ts')
    using stop = stopSignals()
    using progress = new CopyProgress(process.stderr)
    try {
      return await copyStores(from, to, { dryRun, signal: stop.signal, progress: (step) => progress.tell(step) })
    } catch (error) {
      if (!(error instanceof InferError) || error.code !== 'E_INTERRUPTED') throw error
      const { step } = progress
      const at = step
        ? ` at ${step.domain.replaceAll('_', ' ')}${step.verifying ? ', which were being compared' : ''}`
        : ''
      throw new InferError('E_INTERRUPTED', `the copy was stopped${at}; nothing is half written`, {
        hint: 'run the same command again: it goes on where it stopped',
        cause: error,
      })
    }
  }
}

const isUnequal = ({ from, to }: CopyReport['verified'][number]) => from.sha256 !== to.sha256

/** A daemon writes while we copy, and could claim fires on both sides: E_FAILED. */
async function refuseDaemons(from: Stores, to: Stores): Promise<void> {
  for (const stores of [from, to]) {
    const [daemons, now] = await Promise.all([stores.coordination.daemons(), stores.jobRuns.now()])
    const alive = daemons.filter(({ lastBeat }) => now.getTime() - lastBeat.getTime() < SILENT_MS)
    if (alive.length === 0) continue
    const names = alive.map(({ host, pid }) => `on ${host} (pid ${pid})`).join(', ')
    const message = `a daemon works on ${stores.type}: ${names}; it would change what is copied, and could run a job twice`
    throw new InferError('E_FAILED', message, {
      hint: 'stop it, and copy again; one that was killed counts as alive for 60 s',
    })
  }
}

function text(report: CopyReport, dryRun: boolean, columns: number | undefined, end: string): string {
  const headings = ['domain', 'read', dryRun ? 'would be written' : 'written', 'skipped', 'conflicts']
  const rows = report.domains.map((one) => [
    one.domain,
    ...[one.read, one.written, one.skipped, one.conflicts].map((count) => count.toLocaleString('en')),
  ])
  return [table(headings, rows, columns), damageLines(report.problems), end].filter((part) => part !== '').join('\n\n')
}

/** What the comparison of both sides found: all of the source at the target, also beside records of the target's own, or not. */
function outcome(
  verified: CopyReport['verified'],
  { from, to }: { from: StorageType; to: StorageType },
  configured: boolean,
): string {
  const names = (domains: CopyReport['verified']) => domains.map(({ domain }) => domain).join(', ')
  const incomplete = verified.filter(({ missing }) => missing > 0)
  if (incomplete.length > 0) return `Not equal: ${names(incomplete)}.\n${differenceLines(incomplete, from, to)}`
  const more = verified.filter(isUnequal)
  const found =
    more.length === 0
      ? 'Both sides were read again and are equal.'
      : `Both sides were read again: ${to} has all of ${from}, and more in ${names(more)}.`
  // Without a config.yaml here the database would be looked for beside the user's, which `config set` makes.
  const init = to === 'sqlite' && !configured ? 'infer init && ' : ''
  return `${found} To use it: ${init}infer config set storage.type ${to}`
}
