/** What stands in the prompt. `cursor` is an offset in UTF-16 units and never inside a grapheme. Immutable. */
export interface Draft {
  readonly text: string
  readonly cursor: number
}

export const EMPTY: Draft = { text: '', cursor: 0 }

/** A cut: the draft without it, and the text for the kill buffer. */
export interface Cut {
  readonly draft: Draft
  readonly killed: string
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** A draft with the cursor behind its text. */
export function draftOf(text: string): Draft {
  return { text, cursor: text.length }
}

export function insert({ text, cursor }: Draft, added: string): Draft {
  return { text: text.slice(0, cursor) + added + text.slice(cursor), cursor: cursor + added.length }
}

export function left(draft: Draft): Draft {
  return at(draft, graphemeBefore(draft))
}

export function right(draft: Draft): Draft {
  return at(draft, graphemeAfter(draft))
}

/** To the start of the word: letters and digits, whatever stands before it is passed over. */
export function wordLeft(draft: Draft): Draft {
  return at(draft, wordStart(draft))
}

/** To the end of the word; whatever stands before it is passed over. */
export function wordRight(draft: Draft): Draft {
  return at(draft, wordEnd(draft))
}

/** To the start of the line. */
export function home(draft: Draft): Draft {
  return at(draft, lineStart(draft))
}

/** To the end of the line. */
export function end(draft: Draft): Draft {
  return at(draft, lineEnd(draft))
}

/** Without the grapheme before the cursor. */
export function backspace(draft: Draft): Draft {
  return cut(draft, graphemeBefore(draft), draft.cursor).draft
}

/** Without the grapheme behind the cursor. */
export function deleteForward(draft: Draft): Draft {
  return cut(draft, draft.cursor, graphemeAfter(draft)).draft
}

/** Cuts up to the end of the line, at its end the line break. */
export function killToEnd(draft: Draft): Cut {
  const to = lineEnd(draft)
  return cut(draft, draft.cursor, to === draft.cursor ? graphemeAfter(draft) : to)
}

/** Cuts from the start of the line, at its start the line break. */
export function killToStart(draft: Draft): Cut {
  const from = lineStart(draft)
  return cut(draft, from === draft.cursor ? graphemeBefore(draft) : from, draft.cursor)
}

/** Cuts the word before the cursor, up to white space. */
export function killWordBack(draft: Draft): Cut {
  const blanks = runBefore(draft, (character) => /\s/.test(character))
  const word = runBefore({ ...draft, cursor: blanks }, (character) => /\S/.test(character))
  return cut(draft, word, draft.cursor)
}

/** Cuts the word behind the cursor. */
export function killWordForward(draft: Draft): Cut {
  return cut(draft, draft.cursor, wordEnd(draft))
}

/** Swaps the two graphemes around the cursor, at the end of a line the two before it, and moves behind them. */
export function transpose(draft: Draft): Draft {
  const middle = draft.cursor === lineEnd(draft) ? graphemeBefore(draft) : draft.cursor
  const from = graphemeBefore({ ...draft, cursor: middle })
  const to = graphemeAfter({ ...draft, cursor: middle })
  const { text } = draft
  if (from === middle || to === middle || text.slice(from, to).includes('\n')) return draft
  return { text: text.slice(0, from) + text.slice(middle, to) + text.slice(from, middle) + text.slice(to), cursor: to }
}

function at({ text }: Draft, cursor: number): Draft {
  return { text, cursor }
}

function cut({ text }: Draft, from: number, to: number): Cut {
  return { draft: { text: text.slice(0, from) + text.slice(to), cursor: from }, killed: text.slice(from, to) }
}

function graphemeBefore({ text, cursor }: Draft): number {
  return cursor === 0 ? 0 : (graphemes.segment(text).containing(cursor - 1)?.index ?? cursor - 1)
}

function graphemeAfter({ text, cursor }: Draft): number {
  return cursor + (graphemes.segment(text).containing(cursor)?.segment.length ?? 0)
}

function wordStart({ text, cursor }: Draft): number {
  const between = runBefore({ text, cursor }, (character) => !WORD.test(character))
  return runBefore({ text, cursor: between }, (character) => WORD.test(character))
}

const WORD = /^[\p{L}\p{N}\p{M}_]$/u

/** Where the characters before the cursor begin that are all of one kind. An expression that ends in `$` would look for
 * them from each place in the text, which takes minutes in a long paste. */
function runBefore({ text, cursor }: Draft, isOfKind: (character: string) => boolean): number {
  let at = cursor
  while (at > 0) {
    const length = at > 1 && (text.codePointAt(at - 2) ?? 0) > 0xff_ff ? 2 : 1
    if (!isOfKind(text.slice(at - length, at))) break
    at -= length
  }
  return at
}

function wordEnd({ text, cursor }: Draft): number {
  const [word = ''] = /^[^\p{L}\p{N}\p{M}_]*[\p{L}\p{N}\p{M}_]*/u.exec(text.slice(cursor)) ?? []
  return cursor + word.length
}

function lineStart({ text, cursor }: Draft): number {
  return cursor === 0 ? 0 : text.lastIndexOf('\n', cursor - 1) + 1
}

function lineEnd({ text, cursor }: Draft): number {
  const found = text.indexOf('\n', cursor)
  return found === -1 ? text.length : found
}
