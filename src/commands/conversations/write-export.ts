import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferError } from '#errors.ts'
import { ensureDirectory } from '#infer-dir.ts'

export type ExportPlace = { readonly extension: 'md' | 'json' } & (
  | { readonly file: string; readonly overwrite: boolean }
  /** A new file in there, named after the conversation. */
  | { readonly directory: string; readonly id: string }
)

/** Writes a file (mode 0600) and returns its path. Throws E_FAILED for one that exists, unless it may be replaced. */
export function writeExport(text: string, place: ExportPlace): string {
  if ('file' in place) {
    const { file, overwrite } = place
    if (write(file, text, overwrite)) return file
    throw new InferError('E_FAILED', `the file ${file} exists and was kept`, {
      hint: 'give another name with -o, or pass --overwrite',
    })
  }
  const { directory, id, extension } = place
  failing(directory, () => ensureDirectory(directory))
  for (let number = 1; ; number += 1) {
    const file = join(directory, `conversation-${id}${number === 1 ? '' : `-${number}`}.${extension}`)
    if (write(file, text, false)) return file
  }
}

/** Whether it was written; false when there is a file and it must stay. Of a new file nothing is left at an error. */
function write(file: string, text: string, overwrite: boolean): boolean {
  return failing(file, () => {
    if (overwrite) {
      writeFileSync(file, text, { mode: 0o600 })
      return true
    }
    const descriptor = openNew(file)
    if (descriptor === undefined) return false
    try {
      writeFileSync(descriptor, text)
    } catch (error) {
      rmSync(file, { force: true })
      throw error
    } finally {
      closeSync(descriptor)
    }
    return true
  })
}

/** Undefined when there is a file of that name. */
function openNew(file: string): number | undefined {
  try {
    return openSync(file, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
}

function failing<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new InferError('E_FAILED', `${path} cannot be written (${code ?? (error as Error).message})`, {
      hint: code === 'ENOSPC' ? 'free some space' : 'name a file in a directory that exists and is yours: -o FILE',
    })
  }
}
