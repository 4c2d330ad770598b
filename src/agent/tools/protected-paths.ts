import { resolve, sep } from 'node:path'

/** Closed whatever the configuration says: they could open everything else. With the short names that NTFS gives them. */
const ALWAYS = ['.infer', '.git', 'infer~1', 'git~1']
/** Memory and environment of processes, this one's secrets among them. */
const PROCESSES = /^\/proc\/(\d+|self|thread-self)(\/|$)/

/** Characters that HFS+ leaves out when it compares names. */
const IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

/**
 * Which absolute paths are protected by `patterns`, and by the rules that always hold.
 *
 * A pattern without a slash protects every file and directory of that name at any depth, with everything below it; one
 * with a slash is a path relative to cwd. `*` and `?` do not cross a slash, `**` does. Names are compared as the most
 * forgiving file system would: without case, composed or decomposed, and without what Windows and macOS leave out of
 * them (dots and blanks at the end, the stream behind a colon, invisible characters).
 */
export function protectedPaths(cwd: string, patterns: readonly string[]): (path: string) => boolean {
  const given = patterns.map((pattern) => pattern.replace(/\/+$/, '')).filter((pattern) => pattern !== '')
  const isName = (pattern: string) => !pattern.includes('/')
  const names = [...ALWAYS, ...given.filter(isName)].map(expression)
  const paths = given.filter((pattern) => !isName(pattern)).map((pattern) => expression(resolve(cwd, pattern)))
  const matches = (rules: readonly RegExp[], text: string) => rules.some((rule) => rule.test(text))

  return (path) => {
    if (PROCESSES.test(path)) return true
    const exact = path.normalize('NFC').split(sep)
    for (const parts of [exact, exact.map(looseName)]) {
      if (parts.some((part) => matches(names, part))) return true
      if (parts.some((_, index) => matches(paths, parts.slice(0, index + 1).join(sep)))) return true
    }
    return false
  }
}

function looseName(name: string): string {
  return name
    .replaceAll(IGNORED, '')
    .replace(/:.*$/s, '')
    .replace(/[. ]+$/, '')
}

function expression(pattern: string): RegExp {
  const source = pattern.normalize('NFC').replaceAll(/\*\*|[*?]|[\\^$.|+()[\]{}]/g, (found) => {
    if (found === '**') return '.*'
    if (found === '*') return '[^/]*'
    return found === '?' ? '[^/]' : `\\${found}`
  })
  return new RegExp(`^${source}$`, 'isu')
}
