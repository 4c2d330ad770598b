import stringWidth from 'string-width'
import type { Draft } from './draft.ts'

/** A draft as it stands on the screen. */
export interface DraftRows {
  readonly rows: readonly string[]
  /** Row, column (in cells) and offset in the text of the row, of the cursor; all from 0. */
  readonly cursor: { readonly row: number; readonly column: number; readonly offset: number }
}

interface Row {
  text: string
  /** Offset of its first character in the text. */
  start: number
  width: number
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Breaks a draft into rows of at most `columns` cells; wide characters are never cut in half. A tab takes one cell. */
export function draftRows(draft: Draft, columns: number): DraftRows {
  const rows = rowsOf(draft.text, Math.max(2, columns))
  return { rows: rows.map(({ text }) => text), cursor: cellOf(rows, draft) }
}

/** The draft with the cursor a row up or down, in the same column where there is one; undefined at the edge. */
export function moveRow(draft: Draft, columns: number, by: -1 | 1): Draft | undefined {
  const rows = rowsOf(draft.text, Math.max(2, columns))
  const { row, column } = cellOf(rows, draft)
  const target = rows[row + by]
  if (target === undefined) return undefined
  let [offset, width] = [target.start, 0]
  for (const { segment } of graphemes.segment(target.text)) {
    const cells = widthOf(segment)
    if (width + cells > column) break
    width += cells
    offset += segment.length
  }
  return { text: draft.text, cursor: offset }
}

/** What was broken last: a screen asks for the same rows several times, and a paste may be long. */
let last: { text: string; columns: number; rows: readonly Row[] } | undefined

function rowsOf(text: string, columns: number): readonly Row[] {
  if (last?.text !== text || last.columns !== columns) last = { text, columns, rows: brokenRows(text, columns) }
  return last.rows
}

function brokenRows(text: string, columns: number): Row[] {
  let row: Row = { text: '', start: 0, width: 0 }
  const rows = [row]
  const begin = (start: number) => {
    row = { text: '', start, width: 0 }
    rows.push(row)
  }
  for (const { segment, index } of graphemes.segment(text)) {
    if (segment === '\n' || segment === '\r\n') {
      begin(index + segment.length)
      continue
    }
    const cells = widthOf(segment)
    // A column is kept for the cursor at the end of a row.
    if (row.width + cells > columns - 1) begin(index)
    row.text += segment === '\t' ? ' ' : segment
    row.width += cells
  }
  return rows
}

function cellOf(rows: readonly Row[], { text, cursor }: Draft): DraftRows['cursor'] {
  const row = rows.findLastIndex(({ start }) => start <= cursor)
  const { start } = rows[row] as Row
  let column = 0
  for (const { segment } of graphemes.segment(text.slice(start, cursor))) column += widthOf(segment)
  return { row, column, offset: cursor - start }
}

function widthOf(segment: string): number {
  return segment === '\t' || (segment.length === 1 && segment >= ' ' && segment <= '~') ? 1 : stringWidth(segment)
}
