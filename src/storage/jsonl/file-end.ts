import { readSync } from 'node:fs'

/** What this process wrote last to the end of a file, so that the file is known again without looking at more of it. */
export class FileEnd {
  /** Size of the file, in bytes. */
  readonly size: number
  readonly #bytes: Buffer

  constructor(size: number, bytes: Buffer) {
    this.size = size
    this.#bytes = bytes
  }

  /** Whether the file still ends so, and there. One read, which a byte more or less shows. */
  isEndOf(fd: number): boolean {
    const { length } = this.#bytes
    const found = Buffer.allocUnsafe(length + 1)
    const count = readSync(fd, found, 0, length + 1, this.size - length)
    return count === length && this.#bytes.compare(found, 0, length) === 0
  }
}
