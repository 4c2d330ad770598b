import type { StorageOptions } from '#storage/options.ts'
import { Child } from './child.ts'

/** A limit for the whole of a long command, such as a thousand claims; a test has a limit of its own. */
const ANSWER_MS = 300_000

interface Answer {
  id: number
  value?: unknown
  code?: string
  message?: string
}

/** Another process that has the same storage open; see storage-child.ts for what it can be told. */
export class StorageProcess implements AsyncDisposable {
  readonly child = new Child('./storage-child.ts')
  #sent = 0

  static async open(options: StorageOptions): Promise<StorageProcess> {
    const process = new StorageProcess()
    const { warn: _, ...plain } = options
    process.child.send(plain)
    await process.#answer(0)
    return process
  }

  /** Tells it to do something and waits for what it answers. */
  async call(name: string, ...args: unknown[]): Promise<unknown> {
    return await this.#answer(this.begin(name, ...args))
  }

  /** Tells it to do something. */
  begin(name: string, ...args: unknown[]): number {
    this.#sent += 1
    this.child.send({ id: this.#sent, name, args })
    return this.#sent
  }

  /** How many times it has said that something is confirmed. */
  confirmed(): number {
    return this.child.said.filter((said) => (said as { confirmed?: number }).confirmed !== undefined).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill()
  }

  async #answer(id: number): Promise<unknown> {
    const isAnswer = (said: unknown): said is Answer => (said as Answer).id === id
    const { value, code, message } = await this.child.hear(`answer ${id}`, isAnswer, ANSWER_MS)
    if (code !== undefined) throw Object.assign(new Error(message), { code })
    return value
  }
}
