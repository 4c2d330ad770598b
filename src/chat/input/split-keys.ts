import type { Key } from 'ink'

/** One key, or a run of text, as Ink reports them. */
export interface KeyPress {
  readonly input: string
  readonly key: Key
}

/**
 * What was typed ahead, key by key. A terminal that is read late hands over several keys at once, and Ink then reports
 * `yes<enter>` as one text. Runs of printable characters stay together. A paste comes in brackets and not this way.
 */
export function splitKeys({ input, key }: KeyPress): KeyPress[] {
  if (input.length < 2 || !CONTROL.test(input)) return [{ input, key }]
  return (input.match(PIECES) ?? []).map((piece) =>
    CONTROL.test(piece) ? controlKey(piece, key) : { input: piece, key },
  )
}

const CONTROL = /[\u0000-\u001f\u007f]/
const PIECES = /\r\n|[\u0000-\u001f\u007f]|[^\u0000-\u001f\u007f]+/g

function controlKey(piece: string, key: Key): KeyPress {
  switch (piece) {
    case '\r\n':
    case '\r':
      return { input: '', key: { ...key, return: true } }
    case '\t':
      return { input: '', key: { ...key, tab: true } }
    case '\u001b':
      return { input: '', key: { ...key, escape: true } }
    case '\u007f':
      return { input: '', key: { ...key, backspace: true } }
    default:
      return { input: String.fromCharCode(piece.charCodeAt(0) + 0x60), key: { ...key, ctrl: true } }
  }
}
