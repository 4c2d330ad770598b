import { relative, sep } from 'node:path'
import type { JsonObject } from '#storage/contract/json.ts'
import type { FileMatches } from './engine.ts'
import { linesOf, searchText } from './search-text.ts'

export type OutputMode = 'content' | 'files_with_matches' | 'count'

export interface ReportOptions {
  readonly mode: OutputMode
  /** What paths are shown relative to. */
  readonly cwd: string
  /** Matching lines (content) or files that are shown. */
  readonly headLimit: number
  readonly numbers: boolean
  /** Lines around a match. */
  readonly before: number
  readonly after: number
  readonly maxBytes: number
}

/** A line is cut here: minified files would fill the context. */
const MAX_LINE = 500
/** Characters of one result. */
const MAX_CONTENT = 100_000

/** What the model is told of a search, with the totals of everything that was found. */
export async function reportMatches(found: AsyncIterable<FileMatches>, options: ReportOptions): Promise<JsonObject> {
  const { mode, headLimit } = options
  const rows: string[] = []
  let files = 0
  let matches = 0
  let shown = 0
  let length = 0
  let full = false
  for await (const file of found) {
    files += 1
    matches += file.total
    if (full) continue
    const parts = mode === 'content' ? await contentRows(file, options) : [entryRow(file, options)]
    for (const { rows: added, counts } of parts) {
      const size = added.reduce((sum, row) => sum + row.length + 1, 0)
      full = shown >= headLimit || (length + size > MAX_CONTENT && shown > 0)
      if (full) break
      rows.push(...added)
      length += size
      shown += counts
    }
  }
  const total = mode === 'content' ? matches : files
  return {
    output_mode: mode,
    content: rows.join('\n'),
    total_files: files,
    ...(mode === 'files_with_matches' ? {} : { total_matching_lines: matches }),
    ...(shown < total ? { shown, note: `only the first ${shown} of ${total} are shown` } : {}),
  }
}

/** Rows that belong together, and how many of what the limit counts they hold. */
interface Part {
  readonly rows: readonly string[]
  readonly counts: number
}

function entryRow({ path, total }: FileMatches, { mode, cwd }: ReportOptions): Part {
  const name = shownPath(path, cwd)
  return { rows: [mode === 'count' ? `${name}:${total}` : name], counts: 1 }
}

/** The lines of a file as grep prints them: `:` behind a match, `-` behind its surroundings, `--` between far ones. */
async function contentRows({ path, lines }: FileMatches, options: ReportOptions): Promise<Part[]> {
  const { cwd, numbers, before, after, maxBytes } = options
  if (lines.length === 0) return []
  const text = await searchText(path, maxBytes)
  if (text === undefined) return []
  const all = linesOf(text)
  const name = shownPath(path, cwd)
  const row = (number: number, mark: string) =>
    `${name}${mark}${numbers ? `${number}${mark}` : ''}${cut(all[number - 1] ?? '')}`
  let last = 0
  return lines.map((line, index) => {
    const from = Math.max(1, last + 1, line - before)
    const next = lines[index + 1]
    const to = Math.min(all.length, line + after, next === undefined ? all.length : next - 1)
    const gap = before + after > 0 && (last === 0 || from > last + 1)
    last = to
    const rows = Array.from({ length: to - from + 1 }, (_, step) => row(from + step, from + step === line ? ':' : '-'))
    return { rows: gap ? ['--', ...rows] : rows, counts: 1 }
  })
}

function cut(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  return text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}… (${text.length} characters)` : text
}

/** Relative to `cwd` when below it. */
export function shownPath(path: string, cwd: string): string {
  const way = relative(cwd, path)
  return way === '..' || way.startsWith(`..${sep}`) ? path : way === '' ? '.' : way
}
