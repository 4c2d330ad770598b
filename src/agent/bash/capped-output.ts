/** Characters of output that a result holds; half of them from the beginning, half from the end. */
export const MAX_OUTPUT = 30_000
const HALF = MAX_OUTPUT / 2

/** Output as it arrives, of which the beginning and the end are kept. Takes bounded memory, whatever is added. */
export class CappedOutput {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #head = ''
  #tail = ''
  #total = 0

  /** Characters (UTF-16 units) so far, also those that were not kept. */
  get total(): number {
    return this.#total
  }

  /** Bytes that may end inside a character; what is no UTF-8 becomes U+FFFD. */
  add(chunk: Uint8Array): void {
    this.#keep(this.#decoder.decode(chunk, { stream: true }))
  }

  /** What was kept, with a line in the middle that states the total when that is not all. Nothing may follow. */
  end(): string {
    this.#keep(this.#decoder.decode())
    if (this.#total <= MAX_OUTPUT) return this.#head + this.#tail
    const head = withoutHalfPair(this.#head)
    const tail = this.#tail.slice(-HALF).replace(/^[\udc00-\udfff]/, '')
    const left = this.#total - head.length - tail.length
    return `${head}\n… (${left} of ${this.#total} characters are left out here) …\n${tail}`
  }

  #keep(text: string): void {
    this.#total += text.length
    const room = HALF - this.#head.length
    this.#head += text.slice(0, room)
    this.#tail += text.slice(room)
    if (this.#tail.length > 8 * HALF) this.#tail = this.#tail.slice(-HALF)
  }
}

function withoutHalfPair(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, '')
}
