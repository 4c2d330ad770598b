import { closeSync, fstatSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { InferError } from '#errors.ts'
import { ensureDirectory } from '#infer-dir.ts'

/** `ensureDirectory` for files that people edit. Throws E_FAILED. */
export function makeDirectory(directory: string): boolean {
  try {
    return ensureDirectory(directory)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new InferError('E_FAILED', `the directory ${directory} could not be made (${code})`, {
      hint: 'it must be possible to write there',
      cause,
    })
  }
}

/**
 * Writes a whole file so that it is either the old one or the new one, also after a crash or on a full disk.
 * Mode 0600. A symbolic link stays one: the file that it points to is written. Throws E_FAILED.
 */
export function writeWholeFile(file: string, text: string): void {
  const target = targetOf(file)
  const temporary = join(dirname(target), `.${crypto.randomUUID()}.tmp`)
  try {
    writeNew(temporary, text)
    renameSync(temporary, target)
    syncDirectory(dirname(target))
  } catch (cause) {
    rmSync(temporary, { force: true })
    const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
    throw new InferError('E_FAILED', `${file} could not be written (${reason})`, { cause })
  }
}

function targetOf(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

function writeNew(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
    if (fstatSync(descriptor).size !== Buffer.byteLength(text)) throw new Error('short write')
  } finally {
    closeSync(descriptor)
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
