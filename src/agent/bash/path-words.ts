import { realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { ToolError } from '#agent/tool.ts'
import type { Sandbox } from '#agent/tools/sandbox.ts'

/** Parts of one word that are looked at; nobody writes more of them by hand. */
const MAX_PARTS = 300

/**
 * Refuses words of a command that lead outside the sandbox or to a protected path, each taken for a path, and so what
 * follows an option letter, `=`, `:`, `,`, `@` and `)`: `--file=PATH`, `-IPATH`, `@PATH`, `HEAD:PATH`, `:(top)PATH`.
 *
 * A word need not be meant as a path to be refused. Web addresses pass; `file:` and `~` never do, since whoever reads
 * them decodes or expands them later. Throws a ToolError that names the word.
 */
export async function checkPathWords(
  words: readonly string[],
  { sandbox, cwd }: { readonly sandbox: Pick<Sandbox, 'resolve'>; readonly cwd: string },
): Promise<void> {
  for (const word of words) {
    for (const path of pathsIn(word)) {
      if (/^file:/i.test(path)) throw new ToolError(`${word} is a file: address`)
      if (path.startsWith('~')) throw new ToolError(`${word} begins at a home directory`)
      await sandbox.resolve(path)
      if (path.split(sep).includes('..')) await sandbox.resolve(await walk(cwd, path))
    }
  }
}

/** What in a word may be a path; the word itself first. Throws a ToolError for a word with too many parts. */
export function pathsIn(word: string): string[] {
  if (isWebAddress(word)) return []
  const parts = word.split(/[=:,@)]/)
  if (parts.length > MAX_PARTS) throw new ToolError('a word has too many parts to be checked')
  const suffixes: string[] = []
  let start = 0
  for (const part of parts) {
    const suffix = word.slice(start)
    if (isWebAddress(suffix)) break
    suffixes.push(suffix, part)
    start += part.length + 1
  }
  return [...new Set([...suffixes, ...attached(word)])].filter((path) => path !== '')
}

function isWebAddress(text: string): boolean {
  return /^https?:\/\/[^/]/i.test(text)
}

/** The values that short options may carry in the same word: `-fPATH`, `-vfPATH`. */
function attached(word: string): string[] {
  const letters = /^-[A-Za-z0-9]+/.exec(word)?.[0] ?? ''
  return Array.from({ length: Math.min(letters.length, MAX_PARTS) }, (_, index) => word.slice(index + 1)).slice(1)
}

/** Where the kernel gets to: `..` behind a symbolic link is the parent of what the link leads to, not of the link. */
async function walk(cwd: string, path: string): Promise<string> {
  let at = isAbsolute(path) ? sep : cwd
  for (const part of path.split(sep)) {
    if (part === '' || part === '.') continue
    at = part === '..' ? dirname(await realpath(at).catch(() => at)) : join(at, part)
  }
  return at
}
