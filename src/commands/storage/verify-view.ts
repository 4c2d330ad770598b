import type { Damage } from '#storage/contract/damage.ts'
import type { StorageType } from '#storage/options.ts'
import type { Difference, Side } from '#storage/transfer/domain-hash.ts'

/** A paragraph for each: what is wrong, and what to do. */
export function damageLines(damage: readonly Damage[]): string {
  return damage.map(({ domain, id, problem, cure }) => `${domain} ${id}: ${problem}\n  ${cure}`).join('\n')
}

/** The records that are not the same, as far as they are known. */
export function differenceLines(
  domains: readonly { domain: string; differences: readonly Difference[]; from: Side; to: Side | undefined }[],
  from: StorageType,
  to: StorageType,
): string {
  return domains
    .flatMap(({ domain, differences }) =>
      differences.map(({ id, where }) => {
        const what = where === 'differs' ? 'differs' : `is only in ${where === 'only in from' ? from : to}`
        return `  ${domain} ${id} ${what}`
      }),
    )
    .join('\n')
}
