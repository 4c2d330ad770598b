import { option } from '@oclif/core/flags'
import { BaseCommand, jsonFlags } from '#command.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { STORAGE_TYPES, type StorageType } from '#storage/options.ts'
import type { VerifyReport } from '#storage/transfer/verify.ts'
import { checkTypes, openSide } from './open-both.ts'
import { damageLines, differenceLines } from './verify-view.ts'

export default class StorageVerify extends BaseCommand {
  static override description =
    'Compare what two backends hold, or with one of them say what is damaged in it and how to mend it. Changes ' +
    'nothing. Exit 1 when they are not equal or something is damaged.'
  static override examples = [
    '<%= config.bin %> storage verify --from jsonl --to postgres',
    '<%= config.bin %> storage verify --from jsonl --json | jq .damage',
  ]
  static override flags = {
    ...jsonFlags,
    from: option({ options: STORAGE_TYPES, required: true, description: 'Backend that is read.' })(),
    to: option({ options: STORAGE_TYPES, description: 'Backend that it is compared with.' })(),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(StorageVerify)
    const { from, to } = flags
    checkTypes(from, to)
    const loaded = await this.settings()
    const optionsOf = async (type: StorageType) => {
      const storage = { ...loaded.settings.storage, enabled: true, type }
      return await this.storageOptions({ ...loaded, settings: { ...loaded.settings, storage } })
    }
    const { compareStores, examineStores } = await import('#storage/transfer/verify.ts')
    let report: VerifyReport
    try {
      await using left = await openSide(optionsOf, from, true)
      if (to === undefined) report = await examineStores(left)
      else {
        await using right = await openSide(optionsOf, to, true)
        report = await compareStores(left, right)
      }
    } catch (error) {
      if (to !== undefined || !(error instanceof StorageError)) throw error
      if (error.code !== 'E_SCHEMA_NEWER' && error.code !== 'E_CORRUPT') throw error
      const cure = error.hint ?? 'restore it from a backup'
      report = { equal: undefined, domains: [], damage: [{ domain: 'schema', id: from, problem: error.message, cure }] }
    }
    const data = {
      equal: report.equal ?? null,
      domains: report.domains.map(({ domain, from: a, to: b, differences }) => ({
        domain,
        from: a,
        to: b ?? null,
        ...(to !== undefined && { differences }),
      })),
      damage: report.damage,
    }
    this.printResult(flags, data, () => text(report, from, to))
    if (report.equal === false || report.damage.length > 0) process.exitCode = 1
  }
}

function text({ equal, domains, damage }: VerifyReport, from: StorageType, to: StorageType | undefined): string {
  const lines = domains.map(({ domain, from: a, to: b }) => {
    const hash = a.sha256.slice(0, 12)
    if (!b) return `${domain.padEnd(16)}${String(a.count).padStart(9)}  ${hash}`
    const sign = a.sha256 === b.sha256 ? '=' : '≠'
    return `${domain.padEnd(16)}${String(a.count).padStart(9)}  ${hash}  ${sign}  ${b.sha256.slice(0, 12)}  ${b.count}`
  })
  const verdict =
    to === undefined
      ? damage.length === 0
        ? `No damage found in ${from}.`
        : `${damage.length} damaged in ${from}:`
      : equal
        ? `${from} and ${to} hold the same.`
        : `${from} and ${to} do not hold the same.`
  const differences = to === undefined ? '' : differenceLines(domains, from, to)
  return [lines.join('\n'), [verdict, differences, damageLines(damage)].filter((part) => part !== '').join('\n')]
    .filter((part) => part !== '')
    .join('\n\n')
}
