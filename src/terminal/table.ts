import truncate from 'cli-truncate'
import displayWidth from 'string-width'
import { oneLine } from './escapes.ts'

const GAP = '  '

/**
 * Rows as aligned columns under upper-case headings, each record on one line. With `columns` (the terminal's width)
 * the widest columns are cut so that a line fits; in a pipe nothing is cut.
 */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], columns?: number): string {
  const cells = [headings.map((heading) => heading.toUpperCase()), ...rows.map((row) => row.map(oneLine))]
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column] ?? ''))))
  if (columns !== undefined) shrink(widths, columns - GAP.length * (widths.length - 1))
  return cells
    .map((row) =>
      row
        .map((cell, column) => {
          const shown = truncate(cell, widths[column] ?? 0)
          return shown + ' '.repeat((widths[column] ?? 0) - displayWidth(shown))
        })
        .join(GAP)
        .trimEnd(),
    )
    .join('\n')
}

function shrink(widths: number[], room: number): void {
  const narrowest = 4
  let excess = widths.reduce((sum, width) => sum + width, 0) - room
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] ?? 0) <= narrowest) return
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
}

/** `name: value` lines with the values aligned, further lines of a value too; undefined values are left out. */
export function properties(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const width = Math.max(...given.map(([name]) => name.length)) + 2
  const indent = `\n${' '.repeat(width)}`
  return given.map(([name, value]) => `${`${name}:`.padEnd(width)}${value.replaceAll('\n', indent)}`).join('\n')
}
