import type { Damage, DomainName } from '#storage/contract/damage.ts'
import { StorageError } from '#storage/contract/errors.ts'

/** Is told what cannot be read. */
export type Tell = (damage: Damage) => void

/** Undefined when it is gone (not told) or cannot be read (told). Every other error is thrown. */
export async function attempt<T>(
  domain: DomainName,
  id: string,
  tell: Tell,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    if (error.code === 'E_NOT_FOUND') return undefined
    if (!['E_CORRUPT', 'E_INVALID', 'E_SCHEMA_NEWER'].includes(error.code)) throw error
    tell(damageOf(domain, id, error))
    return undefined
  }
}

export function damageOf(domain: DomainName, id: string, error: StorageError): Damage {
  return { domain, id, problem: error.message, cure: error.hint ?? 'look at it with infer storage verify' }
}
