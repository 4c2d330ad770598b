import { type ChildProcess, fork } from 'node:child_process'
import { on, once } from 'node:events'
import { join } from 'node:path'

/** Another process that takes part in a figure: a program of `children/` that is given its input as first message. */
export class Child implements AsyncDisposable {
  readonly #program: string
  readonly #process: ChildProcess
  readonly #messages: AsyncIterator<unknown[]>

  constructor(program: string, input: unknown) {
    this.#program = program
    const path = join(import.meta.dirname, 'children', `${program}.ts`)
    this.#process = fork(path, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#messages = on(this.#process, 'message', { close: ['disconnect'] })
    this.send(input)
  }

  send(message: unknown): void {
    this.#process.send(message as object)
  }

  /** The next thing it tells; throws when it ended. */
  async next<T>(): Promise<T> {
    const { value, done } = await this.#messages.next()
    if (done) throw new Error(`bench/children/${this.#program}.ts ended early; what it said stands above`)
    return value[0] as T
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit')
  }
}

/** In a child: the next message of the parent, the first of which is the input. */
export async function received<T>(): Promise<T> {
  const [message] = await once(process, 'message')
  return message as T
}

/** In a child: a message to the parent. */
export function tell(message: unknown): void {
  process.send?.(message)
}
