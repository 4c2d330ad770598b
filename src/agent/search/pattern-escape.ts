import type { ToolError } from '#agent/tool.ts'
import type { Piece } from './pattern.ts'

/** What `\w` is to Rust: Unicode's word characters (UTS 18, annex C). */
const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]'
const CLASSES: Readonly<Record<string, string>> = {
  w: WORD,
  W: `[^${WORD}]`,
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
}
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, 0: 0 }
const EDGE = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`
const NO_EDGE = `(?:(?<=${WORD})(?=${WORD})|(?<!${WORD})(?!${WORD}))`

/** An escape sequence: a character by its code point, or a piece. `end` is where the pattern goes on. */
export type Escape = { readonly end: number } & (
  | { readonly code: number }
  | { readonly code?: undefined; readonly piece: Piece }
)

/** Reads the sequence whose backslash is at `at`. */
export function escapeAt(pattern: string, at: number, wrong: (message: string) => ToolError): Escape {
  const rest = pattern.slice(at, at + 80)
  const letter = rest[1]
  if (letter === undefined) throw wrong('it ends in a backslash; a backslash is written "\\\\"')
  const js = CLASSES[letter]
  if (js !== undefined) return { end: at + 2, piece: { rust: `\\${letter}`, js } }
  if (letter === 'b') return { end: at + 2, piece: { rust: '\\b', js: EDGE, isEdge: true } }
  if (letter === 'B') return { end: at + 2, piece: { rust: '\\B', js: NO_EDGE, isEdge: true } }
  const control = CONTROLS[letter]
  if (control !== undefined) return { end: at + 2, code: control }
  const [hex, ...digits] =
    /^\\(?:[xuU]\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))/.exec(rest) ?? []
  if (hex !== undefined) {
    const code = Number.parseInt(digits.find((one) => one !== undefined) ?? '', 16)
    if (code > 0x10ffff) throw wrong(`"${hex}" is no character`)
    return { end: at + hex.length, code }
  }
  if (letter === 'p' || letter === 'P') return property(rest, at, wrong)
  if (/[1-9]/.test(letter)) throw wrong('backreferences are not supported')
  if (letter === '<' || letter === '>') {
    throw wrong(`"\\${letter}" may mean two things: write "\\b" for an edge of a word, "${letter}" for the character`)
  }
  if (/[\w]/.test(letter)) throw wrong(`"\\${letter}" is no escape sequence that is known here`)
  const code = pattern.codePointAt(at + 1) ?? 0
  return { end: at + 1 + (code > 0xffff ? 2 : 1), code }
}

/** `\p{L}`, `\pL`, `\p{Greek}`, `\P{^Lu}`. */
function property(rest: string, at: number, wrong: (message: string) => ToolError): Escape {
  const [found, braced, single] = /^\\[pP](?:\{(\^?[\w=]+)\}|([A-Z]))/.exec(rest) ?? []
  if (found === undefined) throw wrong('after "\\p" stands a class such as {Lu} or {Greek}')
  const given = braced ?? single ?? ''
  const name = given.replace(/^\^/, '')
  const negated = (rest[1] === 'P') !== given.startsWith('^')
  const known = [name, `Script=${name}`].find((one) => isProperty(one))
  if (known === undefined) throw wrong(`"${found}" is no class of Unicode that is known here`)
  const letter = negated ? 'P' : 'p'
  const piece = { rust: `\\${letter}{${name}}`, js: `\\${letter}{${known}}` }
  return { end: at + found.length, piece }
}

function isProperty(name: string): boolean {
  try {
    new RegExp(`\\p{${name}}`, 'u')
    return true
  } catch {
    return false
  }
}
