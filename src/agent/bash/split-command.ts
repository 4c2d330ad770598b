/** The words of a command, or why it is not one simple command. */
export type Split =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string }

/** What a shell would act upon outside quotes. */
const ACTIVE: Readonly<Record<string, string>> = {
  '|': 'a pipe or chain (|)',
  '&': 'a chain or background command (&)',
  ';': 'a chain (;)',
  '<': 'a redirect (<)',
  '>': 'a redirect (>)',
  '(': 'a subshell (()',
  ')': 'a subshell ())',
  '!': 'an unquoted !',
  $: 'an expansion ($)',
  '`': 'a command substitution (`)',
}

/** What a backslash escapes inside double quotes; before anything else it stands for itself. */
const ESCAPED = '$`"\\'

const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/

/**
 * Splits a simple command into words as bash does: blanks, backslashes, single and double quotes, nothing else.
 *
 * Everything that bash would do more about is refused: pipes, chains, redirects, substitutions, every `$` outside single
 * quotes, globs, braces, tildes, comments, assignments, and control characters (newlines too, even inside quotes). So
 * these words are those that bash would make of the command, and they can be run without one.
 */
export function splitCommand(command: string): Split {
  const scan = new Scan(command)
  const reason = scan.run() ?? firstWordProblem(scan.words[0])
  if (reason !== undefined) return { kind: 'refused', reason }
  return { kind: 'words', words: scan.words.map(({ text }) => text) }
}

interface Word {
  text: string
  /** The word with `q` for each quote and whatever was quoted: what is left may be active. */
  bare: string
}

class Scan {
  readonly words: Word[] = []
  readonly #command: string
  #at = 0
  #word: Word | undefined

  constructor(command: string) {
    this.#command = command
  }

  /** What is wrong, undefined when nothing is. */
  run(): string | undefined {
    if (CONTROL.test(this.#command)) return 'it holds a newline or another control character'
    if (!this.#command.isWellFormed()) return 'it is not well-formed text'
    while (this.#at < this.#command.length) {
      const reason = this.#step()
      if (reason !== undefined) return reason
    }
    return this.#endWord()
  }

  #step(): string | undefined {
    const char = this.#command.charAt(this.#at)
    this.#at++
    if (char === ' ' || char === '\t') return this.#endWord()
    if (char === "'") return this.#singleQuotes()
    if (char === '"') return this.#doubleQuotes()
    if (char === '\\') return this.#backslash()
    if (char in ACTIVE) return `it has ${ACTIVE[char]}`
    this.#add(char, char)
    return undefined
  }

  #add(text: string, bare: string): void {
    this.#word ??= { text: '', bare: '' }
    this.#word.text += text
    this.#word.bare += bare
  }

  #backslash(): string | undefined {
    if (this.#at === this.#command.length) return 'it ends in a backslash'
    this.#add(this.#command.charAt(this.#at), 'q')
    this.#at++
    return undefined
  }

  #singleQuotes(): string | undefined {
    const end = this.#command.indexOf("'", this.#at)
    if (end === -1) return 'a quote is not closed'
    this.#add(this.#command.slice(this.#at, end), 'q')
    this.#at = end + 1
    return undefined
  }

  #doubleQuotes(): string | undefined {
    this.#add('', 'q')
    for (; this.#at < this.#command.length; this.#at++) {
      const char = this.#command.charAt(this.#at)
      const next = this.#command.charAt(this.#at + 1)
      if (char === '"') {
        this.#at++
        return undefined
      }
      if (char === '$' || char === '`') return `it has ${ACTIVE[char]}`
      const escapes = char === '\\' && next !== '' && ESCAPED.includes(next)
      this.#add(escapes ? next : char, '')
      if (escapes) this.#at++
    }
    return 'a quote is not closed'
  }

  #endWord(): string | undefined {
    const word = this.#word
    if (word === undefined) return undefined
    this.#word = undefined
    this.words.push(word)
    return bareProblem(word.bare)
  }
}

function bareProblem(bare: string): string | undefined {
  if (bare.startsWith('#')) return 'it has a comment (#)'
  if (/(^|[=:])~/.test(bare)) return 'it has an unquoted ~'
  if (/[*?[]/.test(bare)) return 'it has an unquoted file pattern (* ? [); quote it, or name the files'
  if (expandsBraces(bare)) return 'it has a brace expansion'
  return undefined
}

/** `{a,b}` and `{1..3}`, nested too; `HEAD@{1}` and `{}` are plain text. */
function expandsBraces(bare: string): boolean {
  const rest = bare.replaceAll(/\{(?:(?!\.\.)[^{},])*\}/g, 'q')
  return rest.includes('{') && /,|\.\./.test(rest)
}

function firstWordProblem(word: Word | undefined): string | undefined {
  if (word === undefined || word.text === '') return 'it names no program'
  if (/^[A-Za-z_]\w*\+?=/.test(word.bare)) return 'it sets a variable'
  return word.text.startsWith('-') ? 'it names no program' : undefined
}
