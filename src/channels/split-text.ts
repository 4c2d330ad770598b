/** A piece of a text as one message. The bodies of all pieces, joined, are the text. */
export interface TextPart {
  /** Opens again the code fence that the piece before had to close. */
  readonly opening: string
  readonly body: string
  /** Closes the code fence that is open at the end of the piece. */
  readonly closing: string
}

interface Fence {
  readonly mark: string
  /** The whole line that opens it, line end included. */
  readonly line: string
}

/** A longer line opens no fence, so that there is always room to repeat it. */
const LONGEST_FENCE_LINE = 64
/** The smallest limit, in UTF-16 units. */
const SMALLEST_LIMIT = 256

/**
 * Cuts a text into parts of at most `limit` UTF-16 units (as Telegram counts), fences included: on line ends, a longer
 * line between words, a longer word anywhere but inside a surrogate pair. Throws a RangeError for a limit below 256.
 */
export function splitText(text: string, limit: number): TextPart[] {
  if (limit < SMALLEST_LIMIT) throw new RangeError(`a limit of ${limit} is too small`)
  const parts: TextPart[] = []
  let fence: Fence | undefined
  let opening = ''
  let body = ''

  const room = () => limit - opening.length - body.length - reserve(fence)
  const flush = () => {
    if (body !== '') parts.push({ opening, body, closing: closingOf(fence, body) })
    opening = fence?.line ?? ''
    body = ''
  }
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const after = fenceAfter(fence, line)
    const closes = fence !== undefined && after === undefined
    const needed = line.length + (fence === undefined ? reserve(after) : closes ? -reserve(fence) : 0)
    const fresh = limit - (fence?.line.length ?? 0) - reserve(fence)
    // A line that fits nowhere begins where it stands, unless hardly anything is left there.
    if (needed > room() && (needed <= fresh || room() < limit / 4)) flush()
    let rest = line
    while (rest.length > room() + (closes ? reserve(fence) : 0)) {
      const cut = cutPoint(rest, room())
      body += rest.slice(0, cut)
      rest = rest.slice(cut)
      flush()
    }
    body += rest
    fence = after
  }
  flush()
  return parts
}

/** Room for the end of a fence on a line of its own. */
function reserve(fence: Fence | undefined): number {
  return fence === undefined ? 0 : fence.mark.length + 1
}

function closingOf(fence: Fence | undefined, body: string): string {
  return fence === undefined ? '' : `${body.endsWith('\n') ? '' : '\n'}${fence.mark}`
}

/** The fence that is open behind a line. */
function fenceAfter(open: Fence | undefined, line: string): Fence | undefined {
  if (line.length > LONGEST_FENCE_LINE) return open
  const [, indent = '', mark = '', info = ''] = /^([ \t]*)(`{3,}|~{3,})([^\n]*)\n?$/.exec(line) ?? []
  if (mark === '') return open
  if (open !== undefined) {
    const closes = mark.startsWith(open.mark.trimStart()) && info.trim() === ''
    return closes ? undefined : open
  }
  if (mark.startsWith('`') && info.includes('`')) return undefined
  return { mark: `${indent}${mark}`, line: line.endsWith('\n') ? line : `${line}\n` }
}

/** Behind the last space of the second half, else at `length`, one less inside a surrogate pair. */
function cutPoint(line: string, length: number): number {
  const space = line.lastIndexOf(' ', length - 1)
  if (space >= length / 2) return space + 1
  return /^[\ud800-\udbff][\udc00-\udfff]/.test(line.slice(length - 1, length + 1)) ? length - 1 : length
}
