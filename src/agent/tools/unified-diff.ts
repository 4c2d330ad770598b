import type { StructuredPatchHunk } from 'diff'

/** Changed lines that are worked out; the time grows with their square. */
const MAX_CHANGES = 4_000

/** What becomes of a text. */
export interface Difference {
  /** `---`, `+++` and the hunks with three lines around each change, as `diff -u` prints them. */
  readonly text: string
  /** The hunks' lines without their numbers: the same change further up or down has the same. */
  readonly changes: string
  readonly hunks: readonly StructuredPatchHunk[]
}

/** The difference between two texts; undefined when more than 4,000 lines change. */
export async function unifiedDiff(path: string, before: string, after: string): Promise<Difference | undefined> {
  const { structuredPatch } = await import('diff')
  const patch = structuredPatch(path, path, before, after, undefined, undefined, {
    context: 3,
    maxEditLength: MAX_CHANGES,
  })
  if (patch === undefined) return undefined
  const isAllCrlf = [before, after].every((text) => !/(?<!\r)\n/.test(text))
  const lineOf = (line: string) => (isAllCrlf && line.endsWith('\r') ? line.slice(0, -1) : line)
  const hunks = patch.hunks.map((hunk) => ({ ...hunk, lines: hunk.lines.map(lineOf) }))
  const texts = hunks.map(({ oldStart, oldLines, newStart, newLines, lines }) =>
    [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`, ...lines].join('\n'),
  )
  return {
    text: [`--- ${path}`, `+++ ${path}`, ...texts].join('\n'),
    changes: hunks.map(({ lines }) => lines.join('\n')).join('\n@@\n'),
    hunks,
  }
}
