import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { fileError } from './file-error.ts'
import { ToolError } from './tool.ts'

export { MissingFile } from './file-error.ts'

/** A NUL byte in so many first bytes makes a file binary, as git decides it. */
const BINARY_PROBE = 8_000
/** More than this share of characters that are no UTF-8 is no text with a slip in it, but another encoding or no text. */
const MAX_INVALID_SHARE = 0.1
const CHUNK = 256 * 1024

/**
 * The text of a regular file; bytes that are no UTF-8 become U+FFFD. `asked` is how the errors call it. Throws
 * MissingFile, and a ToolError for directories, devices, named pipes, binary files and those over `maxBytes`.
 */
export async function readTextFile(path: string, asked: string, maxBytes: number): Promise<string> {
  const fail = (error: unknown) => {
    throw fileError(asked, 'opened', error)
  }
  // Before it is opened: a device may act on being opened.
  refuseSpecial(await stat(path).catch(fail), asked)
  // Not blocking: opening a named pipe would otherwise wait for a writer for ever.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(fail)
  return await textOf(file, asked, maxBytes)
}

/** `readTextFile` for a file that is open already. */
export async function textOf(file: FileHandle, asked: string, maxBytes: number): Promise<string> {
  const bytes = await bytesOf(file, asked, maxBytes)
  refuseBinary(bytes, asked)
  const text = new TextDecoder().decode(bytes)
  const invalid = invalidShare(text, bytes)
  if (invalid <= MAX_INVALID_SHARE) return text
  throw new ToolError(
    `${asked} is a binary file or text in another encoding: ${Math.round(invalid * 100)}% of it is no UTF-8`,
  )
}

/** All bytes of a regular file. It is never read past `maxBytes`, whatever its size claims to be. */
export async function bytesOf(file: FileHandle, asked: string, maxBytes: number): Promise<Buffer> {
  const found = await file.stat()
  refuseSpecial(found, asked)
  const tooLarge = (size: string) => new ToolError(`${asked} has ${size} bytes; at most ${maxBytes} are read`)
  if (found.size > maxBytes) throw tooLarge(String(found.size))
  const chunks: Buffer[] = []
  let length = 0
  // A file below /proc has size 0 and content; one that is being written to grows.
  for (let next = Math.max(1, found.size + 1); ; next = CHUNK) {
    const chunk = Buffer.allocUnsafe(Math.min(next, maxBytes + 1 - length))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null).catch((error: unknown) => {
      throw fileError(asked, 'read', error)
    })
    if (bytesRead === 0) return Buffer.concat(chunks)
    chunks.push(chunk.subarray(0, bytesRead))
    length += bytesRead
    if (length > maxBytes) throw tooLarge(`more than ${maxBytes}`)
  }
}

/** Throws a ToolError for what `git diff` would call binary too. */
export function refuseBinary(bytes: Uint8Array, asked: string): void {
  if (bytes.subarray(0, BINARY_PROBE).includes(0)) throw new ToolError(`${asked} is a binary file`)
}

/** Throws a ToolError for everything but a regular file. */
export function refuseSpecial(found: { isDirectory(): boolean; isFile(): boolean }, asked: string): void {
  if (found.isDirectory()) throw new ToolError(`${asked} is a directory`)
  if (!found.isFile()) throw new ToolError(`${asked} is not a regular file`)
}

const REPLACEMENT = '\ufffd'

/** Share of the characters that stand for bytes which are no UTF-8; U+FFFD that the file holds itself does not count. */
function invalidShare(text: string, bytes: Buffer): number {
  const shown = occurrences(text, REPLACEMENT)
  if (shown === 0) return 0
  return (shown - occurrences(bytes, Buffer.from(REPLACEMENT))) / text.length
}

function occurrences<T extends string | Buffer>(where: T, what: T): number {
  let count = 0
  const find = (from: number): number =>
    typeof where === 'string' ? where.indexOf(what as string, from) : where.indexOf(what, from)
  for (let at = find(0); at !== -1; at = find(at + what.length)) count += 1
  return count
}
