import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { cleanText } from './clean-text.ts'

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
    if ((await stat(git)).isDirectory()) return (await readFile(join(git, 'HEAD'), 'utf8')).trim()
    const [, directory] = /^gitdir: (.+)$/m.exec(await readFile(git, 'utf8')) ?? []
    if (directory === undefined) return undefined
    return (await readFile(join(resolve(dirname(git), directory.trim()), 'HEAD'), 'utf8')).trim()
  } catch {
    return undefined
  }
}

/** The start of the directory's AGENTS.md, at most `maxChars` characters; undefined when there is none. */
export async function readAgentsMd(directory: string, maxChars: number): Promise<string | undefined> {
  const text = await readFile(join(directory, 'AGENTS.md'), 'utf8').catch(() => undefined)
  if (text === undefined || text.trim() === '' || maxChars === 0) return undefined
  const clean = cleanText(text)
  if (clean.length <= maxChars) return clean
  return `${clean.slice(0, maxChars).toWellFormed()}\n[cut: AGENTS.md has ${clean.length} characters]`
}
