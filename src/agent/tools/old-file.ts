import type { BigIntStats } from 'node:fs'
import { bytesOf } from '#agent/text-file.ts'
import type { Place } from './place.ts'
import { refuseIrreplaceable } from './replace-file.ts'

/** Larger files are not compared, shown or edited. */
export const MAX_TEXT_FILE = 20 * 1024 * 1024

/** What a tool found where it is about to write. */
export interface OldFile {
  readonly real: string
  /** undefined: nothing is there. */
  readonly stat: BigIntStats | undefined
  /** undefined: nothing is there, or more than 20 MiB. */
  readonly bytes: Buffer | undefined
}

/** Throws a ToolError for what cannot be replaced by a file. */
export async function oldFileAt(place: Place): Promise<OldFile> {
  const { real } = place
  const found = await place.stat()
  await refuseIrreplaceable(place, found)
  if (found === undefined || found.size > MAX_TEXT_FILE) return { real, stat: found, bytes: undefined }
  await using file = await place.open()
  const stat = await file.stat({ bigint: true })
  return { real, stat, bytes: await bytesOf(file, place.asked, MAX_TEXT_FILE) }
}

/** Whether both are the same content at the same place. */
export function isSameContent(one: OldFile, other: OldFile): boolean {
  if (one.real !== other.real) return false
  if (one.bytes !== undefined && other.bytes !== undefined) return one.bytes.equals(other.bytes)
  if (one.bytes !== other.bytes) return false
  return (
    one.stat?.ino === other.stat?.ino &&
    one.stat?.size === other.stat?.size &&
    one.stat?.mtimeNs === other.stat?.mtimeNs
  )
}

/** The text of valid UTF-8, the byte order mark included; undefined for anything else, which text would damage. */
export function exactText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
