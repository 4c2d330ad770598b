import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** A NUL byte in so many first bytes makes a file binary, as git decides it. */
const BINARY_PROBE = 8_000

/**
 * The text of a file to be searched, undefined when it is binary, gone, no regular file, over `maxBytes`, or a symlink.
 * UTF-16 is told by its byte order mark; bytes that are no UTF-8 become U+FFFD.
 */
export async function searchText(path: string, maxBytes: number): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
  try {
    await using file = await open(path, flags)
    const stat = await file.stat()
    if (!stat.isFile() || stat.size > maxBytes) return undefined
    const bytes = await file.readFile()
    const encoding =
      bytes[0] === 0xff && bytes[1] === 0xfe
        ? 'utf-16le'
        : bytes[0] === 0xfe && bytes[1] === 0xff
          ? 'utf-16be'
          : undefined
    if (encoding !== undefined) return new TextDecoder(encoding).decode(bytes)
    if (bytes.subarray(0, BINARY_PROBE).includes(0)) return undefined
    return new TextDecoder().decode(bytes)
  } catch {
    return undefined
  }
}

/** The lines of a text, without their ends. A last line end begins no line. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}
