/** Line numbers as Read shows them. */
const READ_NUMBER = /^ {0,5}\d+\t/

/** Ways in which a text may be nearly the same, the likeliest first, with the words for it. */
const NEARLY: readonly { readonly words: string; readonly like: (line: string) => string }[] = [
  { words: 'without the line numbers that Read shows', like: (line) => line.replace(READ_NUMBER, '') },
  { words: 'with other line ends', like: (line) => line.replace(/\r$/, '') },
  { words: 'with other whitespace', like: squeezed },
  { words: 'with other upper and lower case', like: (line) => squeezed(line).toLowerCase() },
  {
    words: 'with other Unicode characters that look alike (quotes, dashes, composed letters)',
    like: (line) => plain(squeezed(line)),
  },
]

/** Why a text does not occur in another one, as far as can be told, with the lines where something like it is. */
export function whyNoMatch(text: string, wanted: string): string {
  const have = text.split('\n')
  const want = trimmed(wanted.split('\n'))
  if (want.length === 0) return 'it is only whitespace that does not occur'
  for (const { words, like } of NEARLY) {
    const start = find(have.map(like), want.map(like))
    if (start === undefined) continue
    const end = start + want.length - 1
    return `it would match ${words} at ${start === end ? `line ${start}` : `lines ${start} to ${end}`}; copy it exactly`
  }
  const first = (want[0] ?? '').trim()
  const at = have.findIndex((line) => line.includes(first))
  if (want.length > 1 && at !== -1)
    return `its first line is at line ${at + 1}, and what follows differs; read it again`
  return 'nothing like it is there; read the file again'
}

/** Number, from 1, of the line where the lines begin; the first may be the end of a line, the last the beginning. */
function find(have: readonly string[], want: readonly string[]): number | undefined {
  const last = want.length - 1
  const matches = (line: string | undefined, part: string, index: number) => {
    if (line === undefined) return false
    if (last === 0) return line.includes(part)
    if (index === 0) return line.endsWith(part)
    return index === last ? line.startsWith(part) : line === part
  }
  const start = have.findIndex((_, at) => want.every((part, index) => matches(have[at + index], part, index)))
  return start === -1 ? undefined : start + 1
}

/** Without empty lines at either end. */
function trimmed(lines: readonly string[]): string[] {
  const isFull = (line: string) => line.trim() !== ''
  const from = lines.findIndex(isFull)
  return from === -1 ? [] : lines.slice(from, lines.findLastIndex(isFull) + 1)
}

function squeezed(line: string): string {
  return line.replaceAll(/\s+/g, ' ').trim()
}

function plain(line: string): string {
  return line
    .normalize('NFKC')
    .replaceAll(/[\u2018\u2019\u201a\u2032]/g, "'")
    .replaceAll(/[\u201c\u201d\u201e\u2033\u00ab\u00bb]/g, '"')
    .replaceAll(/[\u2010-\u2015\u2212]/g, '-')
}
