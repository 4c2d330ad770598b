/** A text to be searched, as the thread is sent it. */
export interface MatchRequest {
  readonly text: string
  /** Line numbers to send back; 0 asks only whether there is a match. */
  readonly keep: number
}

export interface MatchAnswer {
  readonly lines: readonly number[]
  readonly total: number
}

/**
 * Makes the function that finds the lines with a match. It becomes the source of a worker thread, so it may use nothing
 * from outside of itself.
 */
export function lineMatcher(source: string, flags: string, multiline: boolean): (request: MatchRequest) => MatchAnswer {
  const expression = new RegExp(source, multiline ? `${flags}g` : flags)

  function byLine({ text, keep }: MatchRequest): MatchAnswer {
    const lines: number[] = []
    let total = 0
    let number = 0
    for (let at = 0; at < text.length; ) {
      const next = text.indexOf('\n', at)
      const end = next < 0 ? text.length : next
      number += 1
      if (expression.test(text.slice(at, end))) {
        total += 1
        if (total > keep) {
          if (keep === 0) break
        } else lines.push(number)
      }
      at = end + 1
    }
    return { lines, total }
  }

  function acrossLines({ text, keep }: MatchRequest): MatchAnswer {
    const lines: number[] = []
    let total = 0
    let number = 1
    let counted = 0
    let at = 0
    const advance = (to: number) => {
      for (let next = text.indexOf('\n', at); next >= 0 && next < to; next = text.indexOf('\n', at)) {
        number += 1
        at = next + 1
      }
    }
    for (const match of text.matchAll(expression)) {
      const end = match.index + match[0].length
      // Behind the last line end there is no line.
      if (match[0] === '' && end === text.length && (text === '' || text.endsWith('\n'))) continue
      advance(match.index)
      const first = Math.max(number, counted + 1)
      advance(Math.max(match.index, end - 1))
      for (let line = first; line <= number; line += 1) {
        total += 1
        if (total <= keep) lines.push(line)
      }
      counted = Math.max(counted, number)
      if (keep === 0 && total > 0) break
    }
    return { lines, total }
  }

  return multiline ? acrossLines : byLine
}
