import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'

/** Size of a cell in pixels. */
const [CELL, ROW] = [8.4, 18]
const MARGIN = 14
const INK = '#d4d4d4'
const PAPER = '#1e1e1e'
/** The sixteen colours of a terminal: eight, and the same eight bright. */
const COLOURS = [
  ...['#3c3c3c', '#cd5c5c', '#6aa84f', '#c9a227', '#4a86e8', '#a678c9', '#3fa7a7', '#cccccc'],
  ...['#8a8a8a', '#f07070', '#8fd46a', '#f0d060', '#7fb0ff', '#d0a0f0', '#5fd7d7', '#ffffff'],
]

interface Style {
  colour: string
  bold: boolean
  inverse: boolean
}

interface Run extends Style {
  readonly text: string
  /** In cells. */
  readonly at: number
}

const PLAIN: Style = { colour: INK, bold: false, inverse: false }

/** A screen as `tmux capture-pane -e -p` prints it, as SVG. `columns` is its width in cells. */
export function screenSvg(screen: string, columns: number): string {
  const rows = screen.replace(/\n+$/, '').split('\n')
  const [width, height] = [columns * CELL + 2 * MARGIN, rows.length * ROW + 2 * MARGIN]
  const style = { ...PLAIN }
  const body = rows.flatMap((row, index) => runsOf(row, style).flatMap((run) => elements(run, MARGIN + index * ROW)))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<title>A screen of infer chat</title>',
    `<rect width="100%" height="100%" rx="6" fill="${PAPER}"/>`,
    '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
    ...body,
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

function runsOf(row: string, style: Style): Run[] {
  const runs: Run[] = []
  let at = 0
  for (const part of row.split(/(\u001b\[[\d;]*m)/)) {
    const codes = /^\u001b\[([\d;]*)m$/.exec(part)?.[1]
    if (codes !== undefined) apply(style, codes.split(';').map(Number))
    else if (part !== '') {
      const text = stripVTControlCharacters(part)
      // Blanks at the ends are not drawn, unless they stand on a colour.
      const start = style.inverse ? 0 : text.length - text.trimStart().length
      runs.push({ ...style, text: style.inverse ? text : text.trim(), at: at + start })
      at += stringWidth(text)
    }
  }
  return runs
}

function apply(style: Style, codes: readonly number[]): void {
  for (const code of codes) {
    if (code === 0) Object.assign(style, PLAIN)
    else if (code === 1) style.bold = true
    else if (code === 22) style.bold = false
    else if (code === 7) style.inverse = true
    else if (code === 27) style.inverse = false
    else if (code === 39) style.colour = INK
    else if (code >= 30 && code <= 37) style.colour = COLOURS[code - 30] ?? INK
    else if (code >= 90 && code <= 97) style.colour = COLOURS[code - 82] ?? INK
  }
}

function elements({ text, at, colour, bold, inverse }: Run, top: number): string[] {
  const x = (MARGIN + at * CELL).toFixed(1)
  const width = (stringWidth(text) * CELL).toFixed(1)
  const box = inverse ? [`<rect x="${x}" y="${top}" width="${width}" height="${ROW}" fill="${colour}"/>`] : []
  if (text.trim() === '') return box
  const weight = bold ? ' font-weight="bold"' : ''
  const fill = inverse ? PAPER : colour
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const place = `x="${x}" y="${top + 14}" textLength="${width}" lengthAdjust="spacingAndGlyphs"`
  return [...box, `<text ${place} fill="${fill}"${weight}>${escaped}</text>`]
}

// tmux capture-pane -e -p | node scripts/screen-svg.ts 80 > docs/images/NAME.svg
if (import.meta.main) process.stdout.write(screenSvg(readFileSync(0, 'utf8'), Number(process.argv[2] ?? 80)))
