import type { CopyOptions } from '#storage/transfer/copy.ts'

type Step = Parameters<CopyOptions['progress']>[0]

/** Between two lines, in ms. */
const EVERY_MS = 200

/** One line on a terminal that says how far a copy is; silent elsewhere. Closing removes the line. */
export class CopyProgress implements Disposable {
  readonly #terminal: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>
  #domain = ''
  #since = 0
  #first = 0
  /** When the line was written last; undefined when the next step shall be. */
  #shown: number | undefined
  #written = false
  /** The last step that was told. */
  step: Step | undefined

  constructor(terminal: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>) {
    this.#terminal = terminal
  }

  tell(step: Step): void {
    const now = performance.now()
    const domain = `${step.verifying ? 'comparing ' : ''}${step.domain}`
    if (domain !== this.#domain) {
      this.#domain = domain
      this.#since = now
      this.#first = step.done
      this.#shown = undefined
    }
    this.step = step
    if (!this.#terminal.isTTY || (this.#shown !== undefined && now - this.#shown < EVERY_MS)) return
    this.#shown = now
    this.#written = true
    this.#terminal.write(`\r\u001b[K${progressText(step, step.done - this.#first, now - this.#since)}`)
  }

  [Symbol.dispose](): void {
    if (this.#written) this.#terminal.write('\r\u001b[K')
  }
}

/** How far, how fast and how long still; `done` records in `ms`. */
export function progressText(step: Step, done: number, ms: number): string {
  const name = step.domain.replaceAll('_', ' ')
  if (step.verifying) return `comparing ${name} ...`
  const count = (number: number) => Math.round(number).toLocaleString('en')
  const { total } = step
  if (total === undefined) return `${name}: ${count(step.done)}`
  const rate = ms > 0 ? (done / ms) * 1_000 : 0
  const left = rate > 0 ? `, ${count(rate)}/s, ${count(Math.ceil((total - step.done) / rate))} s left` : ''
  return `${name}: ${count(step.done)} of ${count(total)}${left}`
}
