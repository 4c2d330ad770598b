/** Whether every line of the text ends in CRLF, and there is one. */
export function isCrlf(text: string): boolean {
  return text.includes('\r\n') && !/(?<!\r)\n/.test(text)
}

/** The text with CRLF at the end of each line. */
export function toCrlf(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n')
}

/** Numbers, from 1, of the lines that the ascending positions lie in. */
export function lineNumbers(text: string, positions: readonly number[]): number[] {
  let line = 1
  let next = text.indexOf('\n')
  return positions.map((position) => {
    while (next !== -1 && next < position) {
      line += 1
      next = text.indexOf('\n', next + 1)
    }
    return line
  })
}

/** How many lines a text has; a last one without an end counts. */
export function countLines(text: string): number {
  if (text === '') return 0
  let count = text.endsWith('\n') ? 0 : 1
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
