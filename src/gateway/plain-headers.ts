/**
 * Headers of requests and answers, as much of the Fetch standard's class as the official client uses. The global class
 * would load all of Node's fetch with it. Values are checked where they are sent.
 */
export class PlainHeaders implements Iterable<[name: string, value: string]> {
  readonly #values = new Map<string, string>()

  append(name: string, value: string): void {
    const before = this.get(name)
    this.set(name, before === null ? value : `${before}, ${value}`)
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), String(value).trim())
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase())
  }

  entries(): MapIterator<[string, string]> {
    return this.#values.entries()
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries()
  }
}
