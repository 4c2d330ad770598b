import { ToolError } from './tool.ts'

/** There is no such file. */
export class MissingFile extends ToolError {}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EBUSY: 'it is in use',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'something of that name appeared meanwhile',
  EFBIG: 'it would be too large for the file system',
  ELOOP: 'a symbolic link took its place meanwhile, or leads in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENOSPC: 'no space is left on the disk',
  ENOTEMPTY: 'the directory is not empty',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
}

/**
 * A failed file operation in words that name the path as it was asked for: the system's own message names descriptors
 * and temporary files. A ToolError stays as it is; ENOENT and ENOTDIR are a MissingFile.
 */
export function fileError(asked: string, what: string, error: unknown): Error {
  if (error instanceof ToolError || !(error instanceof Error)) return error as Error
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined) return error
  if (code === 'ENOENT' || code === 'ENOTDIR') return new MissingFile(`there is no file ${asked}`)
  const reason = REASONS[code]
  return new ToolError(`${asked} cannot be ${what}: ${reason === undefined ? code : `${reason} (${code})`}`)
}
