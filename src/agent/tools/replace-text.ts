import { ToolError } from '#agent/tool.ts'
import { isCrlf, lineNumbers, toCrlf } from './line-ends.ts'
import { whyNoMatch } from './why-no-match.ts'

export interface Replacement {
  readonly oldText: string
  readonly newText: string
  readonly all: boolean
}

/** Line numbers that a message lists. */
const MAX_LISTED = 10
const MAX_OVERLAPS = 1_000

/**
 * The text with `oldText` replaced, and how often; nothing else changes. `asked` is how the errors call the file.
 *
 * A match is exact. Only where `oldText` has no CR: in a file whose lines all end in CRLF its line ends, and those of
 * `newText`, are taken for CRLF; in one with mixed ends, when there is no match as it stands. Throws a ToolError when
 * there is no match, more than one without `all`, or nothing would change.
 */
export function replaceText(text: string, change: Replacement, asked: string): { text: string; count: number } {
  const { oldText, newText } = fitted(text, change)
  if (oldText === newText) throw new ToolError('old_string and new_string are the same: nothing would change')
  const count = positionsOf(text, oldText, oldText.length).length
  if (count === 0) throw new ToolError(`old_string is not in ${asked}: ${whyNoMatch(text, oldText)}`)
  if (!change.all) refuseSeveral(text, oldText, asked)
  return { text: text.split(oldText).join(newText), count }
}

function fitted(text: string, { oldText, newText }: Replacement): { oldText: string; newText: string } {
  const asGiven = { oldText, newText }
  if (oldText.includes('\r')) return asGiven
  if (!isCrlf(text) && (!text.includes('\r\n') || text.includes(oldText))) return asGiven
  const asCrlf = { oldText: toCrlf(oldText), newText: toCrlf(newText) }
  return text.includes(asCrlf.oldText) ? asCrlf : asGiven
}

/** Also what overlaps: of `aa` in `aaa` nobody can tell which is meant. */
function refuseSeveral(text: string, oldText: string, asked: string): void {
  const positions = positionsOf(text, oldText, 1, MAX_OVERLAPS)
  if (positions.length === 1) return
  const lines = lineNumbers(text, positions.slice(0, MAX_LISTED)).join(', ')
  const more = positions.length > MAX_LISTED ? ', …' : ''
  const many = positions.length === MAX_OVERLAPS ? `${MAX_OVERLAPS} or more` : String(positions.length)
  throw new ToolError(
    `old_string is ${many} times in ${asked}, from line ${lines}${more} on; ` +
      'give more of the lines around it, or set replace_all',
  )
}

function positionsOf(text: string, part: string, step: number, max = Number.POSITIVE_INFINITY): number[] {
  const positions: number[] = []
  for (let at = text.indexOf(part); at !== -1 && positions.length < max; at = text.indexOf(part, at + step)) {
    positions.push(at)
  }
  return positions
}
