import type { ToolError } from '#agent/tool.ts'
import type { Piece } from './pattern.ts'
import { escapeAt } from './pattern-escape.ts'

/** The ASCII classes of POSIX, as the inside of a class. */
const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t\\x20',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '\\x21-\\x7E',
  lower: 'a-z',
  print: '\\x20-\\x7E',
  punct: '\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E',
  space: '\\t\\n\\x0B\\f\\r\\x20',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

/** Reads the bracketed class that begins at `at`. Classes in classes and their intersections are refused. */
export function classOf(
  pattern: string,
  at: number,
  wrong: (message: string) => ToolError,
): { piece: Piece; end: number } {
  let next = at + 1
  const negated = pattern[next] === '^'
  if (negated) next += 1
  const rust: string[] = []
  const js: string[] = []
  /** A character of the class, or a whole class that cannot begin or end a range. */
  const item = (): number | Piece => {
    const [posix, not, name = ''] = /^\[:(\^?)([a-z]+):\]/.exec(pattern.slice(next, next + 20)) ?? []
    if (posix !== undefined) {
      const inside = POSIX[name]
      if (inside === undefined) throw wrong(`"${posix}" is no class that is known here`)
      next += posix.length
      return { rust: `[${not}${inside}]`, js: `[${not}${inside}]` }
    }
    const char = pattern[next]
    if (char === '[') throw wrong('a "[" inside of a class is written "\\["')
    if (char !== '\\') {
      const code = pattern.codePointAt(next) ?? 0
      next += code > 0xffff ? 2 : 1
      return code
    }
    const sequence = escapeAt(pattern, next, wrong)
    next = sequence.end
    if (sequence.code !== undefined) return sequence.code
    if (sequence.piece.isEdge) throw wrong('"\\b" stands for no character of a class')
    return sequence.piece
  }
  for (let first = true; ; first = false) {
    if (next >= pattern.length) throw wrong('"[" is never closed; a character is written "\\["')
    if (pattern[next] === ']' && !first) break
    if (pattern.startsWith('&&', next)) throw wrong('"&&" in a class is not supported; "&" twice is written "\\&"')
    const low = item()
    if (typeof low !== 'number') {
      rust.push(low.rust)
      js.push(low.js)
      continue
    }
    let high: number | Piece = low
    if (pattern[next] === '-' && pattern[next + 1] !== ']' && next + 1 < pattern.length) {
      next += 1
      high = item()
      if (typeof high !== 'number' || high < low) throw wrong('a range of a class ends before it begins')
    }
    const range = (open: string) =>
      low === high ? `${open}${low.toString(16)}}` : `${open}${low.toString(16)}}-${open}${high.toString(16)}}`
    rust.push(range('\\x{'))
    js.push(range('\\u{'))
  }
  const open = negated ? '[^' : '['
  return { piece: { rust: `${open}${rust.join('')}]`, js: `${open}${js.join('')}]` }, end: next + 1 }
}
