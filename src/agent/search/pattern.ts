import { ToolError } from '#agent/tool.ts'
import { classOf } from './pattern-class.ts'
import { escapeAt } from './pattern-escape.ts'

export interface PatternOptions {
  readonly ignoreCase: boolean
  /** A match may span lines, and `.` takes a line end too. */
  readonly multiline: boolean
}

/** One pattern, written for both engines so that they find the same. */
export interface SearchPattern {
  /** For the regex crate of Rust, as ripgrep runs it. */
  readonly rust: string
  /** For `new RegExp(source, flags)`. */
  readonly source: string
  readonly flags: string
  readonly multiline: boolean
}

/** What stands for one thing in the languages of both engines. */
export interface Piece {
  readonly rust: string
  readonly js: string
  /** An edge: it takes no character, and repeating it means nothing. */
  readonly isEdge?: boolean
}

interface Flags {
  readonly i: boolean
  readonly s: boolean
}

/** Groups inside groups up to here: the parser calls itself. */
const MAX_DEPTH = 100
const MAX_LENGTH = 10_000

/**
 * Reads a pattern in the syntax of ripgrep (without look-around and backreferences, which have no linear time) and
 * writes it down for both engines.
 *
 * More forgiving than ripgrep in two points: `{` that begins no quantifier is a character, as code is full of them, and
 * `$` also stands before CRLF. Throws a ToolError that says what is wrong and where.
 */
export function parsePattern(pattern: string, options: PatternOptions): SearchPattern {
  if (pattern.length > MAX_LENGTH) throw new ToolError(`the pattern is longer than ${MAX_LENGTH} characters`)
  const { rust, js } = new PatternReader(pattern, options).read()
  try {
    new RegExp(js, 'v')
  } catch {
    throw new ToolError(`the pattern ${JSON.stringify(pattern)} is no regular expression that can be searched for`)
  }
  return {
    rust: options.ignoreCase ? `(?i:${rust})` : rust,
    source: js,
    flags: options.ignoreCase ? 'vi' : 'v',
    multiline: options.multiline,
  }
}

class PatternReader {
  readonly #pattern: string
  readonly #options: PatternOptions
  #at = 0
  #depth = 0

  constructor(pattern: string, options: PatternOptions) {
    this.#pattern = pattern
    this.#options = options
  }

  read(): Piece {
    const piece = this.#alternatives({ i: this.#options.ignoreCase, s: this.#options.multiline })
    if (this.#at < this.#pattern.length) throw this.#wrong('")" closes nothing; a character is written "\\)"')
    return piece
  }

  /** Up to the end or the `)` of this group. Flags set inside hold to the end of the group. */
  #alternatives(given: Flags): Piece {
    let flags = given
    const done: Piece[] = []
    let last: Piece | undefined
    const flush = () => {
      if (last) done.push(last)
      last = undefined
    }
    for (;;) {
      const char = this.#pattern[this.#at]
      if (char === undefined || char === ')') break
      if (char === '|') {
        flush()
        done.push({ rust: '|', js: '|' })
        this.#at += 1
        continue
      }
      const quantifier = this.#quantifier()
      if (quantifier !== undefined) {
        if (last === undefined) throw this.#wrong(`there is nothing before "${quantifier}" to repeat`)
        if (last.isEdge) throw this.#wrong(`"${quantifier}" is behind something that takes no character`)
        last = { rust: `(?:${last.rust})${quantifier}`, js: `(?:${last.js})${quantifier}` }
        continue
      }
      flush()
      if (char === '(') {
        const inner = this.#group(flags)
        if ('flags' in inner) flags = inner.flags
        else last = inner
      } else last = this.#withCase(this.#atom(char, flags), flags)
    }
    flush()
    return { rust: done.map(({ rust }) => rust).join(''), js: done.map(({ js }) => js).join('') }
  }

  #quantifier(): string | undefined {
    const [found] = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(this.#pattern.slice(this.#at, this.#at + 24)) ?? []
    if (found === undefined) return undefined
    const [low = 0, high = low] = (found.match(/\d+/g) ?? []).map(Number)
    if (low > 1_000 || high > 1_000) throw this.#wrong(`"${found}" repeats more than 1000 times`)
    if (low > high) throw this.#wrong(`"${found}" has its limits the wrong way round`)
    this.#at += found.length
    return found
  }

  /** A group, or flags that hold from here on: `(?i)`. */
  #group(flags: Flags): Piece | { flags: Flags } {
    const rest = this.#pattern.slice(this.#at, this.#at + 200)
    if (/^\(\?<?[=!]/.test(rest) || rest.startsWith('(?>')) {
      throw this.#wrong('look-around is not supported; search for more and narrow it down by reading')
    }
    const [open = '(', word] = /^\((?:\?(?:P?<\w+>|([a-z]*(?:-[a-z]+)?)([:)])))?/.exec(rest) ?? []
    if (open === '(' && rest[1] === '?') throw this.#wrong('"(?" begins no group that is known here')
    const inside = word === undefined ? flags : this.#flagsOf(word, flags)
    this.#at += open.length
    if (open.endsWith(')')) return { flags: inside }
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) throw this.#wrong(`groups are nested more than ${MAX_DEPTH} deep`)
    const begin = this.#at
    const { rust, js } = this.#alternatives(inside)
    if (this.#pattern[this.#at] !== ')') {
      this.#at = begin - 1
      throw this.#wrong('"(" is never closed; a character is written "\\("')
    }
    this.#at += 1
    this.#depth -= 1
    return { rust: `(?:${rust})`, js: `(?:${js})` }
  }

  #flagsOf(word: string, flags: Flags): Flags {
    const [on = '', off = ''] = word.split('-')
    const unknown = [...on, ...off].find((one) => one !== 'i' && one !== 's')
    if (unknown !== undefined) throw this.#wrong(`the flag "${unknown}" is not supported; i and s are`)
    const value = (one: 'i' | 's') => !off.includes(one) && (on.includes(one) || flags[one])
    return { i: value('i'), s: value('s') }
  }

  #atom(char: string, flags: Flags): Piece {
    const { multiline } = this.#options
    const wrong = (message: string) => this.#wrong(message)
    switch (char) {
      case '.':
        this.#at += 1
        return flags.s ? { rust: '(?s:.)', js: '[^]' } : { rust: '[^\\n]', js: '[^\\n]' }
      case '^':
        this.#at += 1
        return { rust: '^', js: '(?<![^\\n])', isEdge: true }
      case '$':
        this.#at += 1
        return { rust: '(?:\\r?$)', js: '(?:\\r?(?![^\\n]))', isEdge: true }
      case '[': {
        const { piece, end } = classOf(this.#pattern, this.#at, wrong)
        this.#at = end
        return piece
      }
      case '\\': {
        const sequence = escapeAt(this.#pattern, this.#at, wrong)
        if (sequence.code === 10 && !multiline) throw this.#lineEnd()
        this.#at = sequence.end
        return sequence.code === undefined ? sequence.piece : literal(sequence.code)
      }
      default: {
        const code = this.#pattern.codePointAt(this.#at) ?? 0
        if (code === 10 && !multiline) throw this.#lineEnd()
        this.#at += code > 0xffff ? 2 : 1
        return literal(code)
      }
    }
  }

  #withCase(piece: Piece, { i }: Flags): Piece {
    if (i === this.#options.ignoreCase) return piece
    const open = i ? '(?i:' : '(?-i:'
    return { ...piece, rust: `${open}${piece.rust})`, js: `${open}${piece.js})` }
  }

  #lineEnd(): ToolError {
    return this.#wrong('a line end matches nothing unless multiline is true')
  }

  #wrong(what: string): ToolError {
    return new ToolError(`the pattern is wrong at character ${this.#at + 1}: ${what}`)
  }
}

function literal(code: number): Piece {
  if (code >= 0xd800 && code <= 0xdfff) throw new ToolError('the pattern holds half a surrogate pair')
  const char = String.fromCodePoint(code)
  if (/[\w ]/.test(char)) return { rust: char, js: char }
  return { rust: `\\x{${code.toString(16)}}`, js: `\\u{${code.toString(16)}}` }
}
