import { readlink, realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'
import { ToolError } from '#agent/tool.ts'

/** As many links as Linux follows. */
const MAX_LINKS = 40
/** PATH_MAX of Linux, in bytes. */
const MAX_PATH = 4_096

/**
 * `realpath` that also takes what does not exist: the part that exists is resolved, the rest follows. A dangling symlink
 * leads where writing through it would create a file. Throws a ToolError for circles and for what may not be looked up.
 */
export async function realPath(path: string): Promise<string> {
  if (Buffer.byteLength(path) > MAX_PATH) throw new ToolError('the path is longer than the file system allows')
  return await realPathWithin(path, { links: MAX_LINKS })
}

/** The budget is one for the whole way: were it one for each part, links that name each other would never end. */
async function realPathWithin(path: string, budget: { links: number }): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ELOOP') throw tooManyLinks(path)
    if (code === 'ENAMETOOLONG') throw new ToolError('the path is longer than the file system allows')
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw new ToolError(`${path} cannot be looked up (${code})`)
    const parent = dirname(path)
    if (parent === path) return path
    const place = join(await realPathWithin(parent, budget), basename(path))
    const target = await readlink(place).catch(() => undefined)
    if (target === undefined) return place
    budget.links -= 1
    if (budget.links < 0) throw tooManyLinks(path)
    // Not normalised: `..` behind a link means the directory above where the link leads.
    return await realPathWithin(isAbsolute(target) ? target : `${dirname(place)}/${target}`, budget)
  }
}

function tooManyLinks(path: string): ToolError {
  return new ToolError(`${path} leads through too many symbolic links`)
}

/** Whether the path is the directory or lies below it; both absolute and normalised. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path)
  return way === '' || !(way === '..' || way.startsWith(`..${sep}`) || way.startsWith(sep))
}
