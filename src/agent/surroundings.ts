import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { cleanText } from './clean-text.ts'
import { readTextFile } from './text-file.ts'

/** The branch that is checked out in the repository around a directory; a commit's first digits when it is none. */
export async function gitBranch(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = dirname(at)) {
    const head = await readHead(join(at, '.git'))
    if (head !== undefined) return /^ref: refs\/heads\/(.+)$/.exec(head)?.[1] ?? head.slice(0, 12)
    if (dirname(at) === at) return undefined
  }
}

/** `.git` is a directory, or in a worktree a file that names one. */
async function readHead(git: string): Promise<string | undefined> {
  try {
    if ((await stat(git)).isDirectory()) return await firstWords(join(git, 'HEAD'))
    const [, directory] = /^gitdir: (.+)$/m.exec(await firstWords(git)) ?? []
    if (directory === undefined) return undefined
    return await firstWords(join(resolve(dirname(git), directory.trim()), 'HEAD'))
  } catch {
    return undefined
  }
}

const MAX_GIT_FILE = 64 * 1024

async function firstWords(path: string): Promise<string> {
  return (await readTextFile(path, path, MAX_GIT_FILE)).trim()
}

/** Bytes; a larger AGENTS.md is left out. */
const MAX_AGENTS_MD = 20 * 1024 * 1024

/**
 * The start of the directory's AGENTS.md, at most `maxChars` characters; undefined when there is none, and when it is no
 * text file (a named pipe would be waited for without end) or larger than 20 MiB.
 */
export async function readAgentsMd(directory: string, maxChars: number): Promise<string | undefined> {
  const text = await readTextFile(join(directory, 'AGENTS.md'), 'AGENTS.md', MAX_AGENTS_MD).catch(() => undefined)
  if (text === undefined || text.trim() === '' || maxChars === 0) return undefined
  const clean = cleanText(text)
  if (clean.length <= maxChars) return clean
  return `${clean.slice(0, maxChars).toWellFormed()}\n[cut: AGENTS.md has ${clean.length} characters]`
}
