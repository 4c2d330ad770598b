import { randomUUID } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import { access, type FileHandle, link, open, rename, unlink } from 'node:fs/promises'
import { fileError } from '#agent/file-error.ts'
import { refuseSpecial } from '#agent/text-file.ts'
import { ToolError } from '#agent/tool.ts'
import type { Place } from './place.ts'

/** Which file it was, and whether anybody wrote into it since. */
function isSame(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return (['dev', 'ino', 'size', 'mtimeNs'] as const).every((key) => one[key] === other[key])
}

/** Throws a ToolError for what cannot be replaced by a file: directories, devices, what is read-only. */
export async function refuseIrreplaceable(place: Place, old: BigIntStats | undefined): Promise<void> {
  if (old === undefined) return
  refuseSpecial(old, place.asked)
  await access(place.path, constants.W_OK).catch((error: unknown) => {
    throw fileError(place.asked, 'written', error)
  })
}

/**
 * Puts a file with this content in the place, in one step: whoever reads sees the old file or the new one. `old` is what
 * the caller found there; a ToolError when it is no longer so. After a failure the old file is untouched.
 *
 * A replaced file keeps its mode, and its owner where that is permitted; other names of it (hard links) keep the old
 * content. A new file has the mode that the umask leaves. After a crash `.infer-*.tmp` may stay beside it.
 */
export async function replaceFile(place: Place, content: Uint8Array, old: BigIntStats | undefined): Promise<void> {
  const temporary = place.directory.at(`.infer-${randomUUID()}.tmp`)
  try {
    await refuseIrreplaceable(place, old)
    await place.verify()
    {
      await using file = await open(temporary, 'wx', old === undefined ? 0o666 : 0o600)
      await file.writeFile(content)
      if (old !== undefined) await takeOver(file, old)
      await file.sync()
    }
    await place.verify()
    if (!isSame(await place.stat(), old)) {
      throw new ToolError(`${place.asked} was changed by somebody else meanwhile; read it again`)
    }
    await (old === undefined ? appear(temporary, place.path) : rename(temporary, place.path))
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw fileError(place.asked, 'written', error)
  }
}

/** Linked, not renamed: a file that somebody else makes at the same moment is not replaced. */
async function appear(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    // Not every file system has hard links.
    await rename(temporary, path)
    return
  }
  await unlink(temporary)
}

const PERMISSIONS = 0o777n
const ALL_MODE_BITS = 0o7777n

async function takeOver(file: FileHandle, { uid, gid, mode }: BigIntStats): Promise<void> {
  const now = await file.stat({ bigint: true })
  const isOwned = now.uid === uid && now.gid === gid
  const took =
    isOwned ||
    (await file.chown(Number(uid), Number(gid)).then(
      () => true,
      () => false,
    ))
  // Set-user-id must not pass to another owner.
  await file.chmod(Number(mode & (took ? ALL_MODE_BITS : PERMISSIONS)))
}
