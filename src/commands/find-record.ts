import { InferError } from '#errors.ts'
import type { StorageError } from '#storage/contract/errors.ts'

/** What is known of a record: one that cannot be read has its error instead of a name. */
interface Listed {
  id: string
  name?: string
  error?: StorageError
}

/**
 * The one record that an argument means: an id, a unique beginning of one, or for records with names a unique name.
 * Throws E_NOT_FOUND, and E_USAGE when several are meant.
 */
export function findRecord<T extends Listed>(records: readonly T[], argument: string, what: string): T {
  const exact = records.find((record) => record.id === argument)
  if (exact) return exact
  const named = records.filter((record) => record.name === argument)
  const found = named.length > 0 ? named : records.filter((record) => argument !== '' && record.id.startsWith(argument))
  const [only, ...others] = found
  if (!only) {
    throw new InferError('E_NOT_FOUND', `there is no ${what} ${JSON.stringify(argument)}`, {
      hint: `infer ${what === 'job' ? 'schedules' : `${what}s`} list shows what there is`,
    })
  }
  if (others.length > 0) {
    const ids = found.slice(0, 5).map(({ id }) => id)
    const more = found.length > ids.length ? ', …' : ''
    throw new InferError(
      'E_USAGE',
      `${JSON.stringify(argument)} could be ${found.length} ${what}s: ${ids.join(', ')}${more}`,
      { hint: 'give more of the id' },
    )
  }
  return only
}

/** `findRecord` for several arguments, in their order; a record that is meant twice is there once. */
export function findRecords<T extends Listed>(records: readonly T[], wanted: readonly string[], what: string): T[] {
  return [...new Set(wanted.map((argument) => findRecord(records, argument, what)))]
}

/** `findRecord` for a record whose content is wanted: one that cannot be read throws its own error. */
export function findReadable<T extends { id: string; name?: string }>(
  records: readonly T[],
  unreadable: readonly { id: string; error: StorageError }[],
  argument: string,
  what: string,
): T {
  const found = findRecord<T | { id: string; error: StorageError }>([...records, ...unreadable], argument, what)
  if ('error' in found) throw found.error
  return found
}
