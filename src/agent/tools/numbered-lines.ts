/** A line is cut here: minified files would fill the context. */
const MAX_LINE = 2_000

/** Lines behind their right-aligned numbers from `first` on, as many as fit into `maxLength` characters, at least one. */
export function numberedLines(lines: readonly string[], first: number, maxLength: number): string[] {
  const shown: string[] = []
  let length = 0
  for (const [index, line] of lines.entries()) {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    const cut = text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}… (${text.length} characters)` : text
    const row = `${String(first + index).padStart(6)}\t${cut}`
    length += row.length + 1
    if (length > maxLength && shown.length > 0) break
    shown.push(row)
  }
  return shown
}
