import { style } from '../../src/terminal/style.ts'
import { table } from '../../src/terminal/table.ts'
import type { Run } from './count.ts'

const HEADINGS = ['fire', 'daemon', 'state', 'session']

/** The runs as they change: drawn anew in place on a terminal, a line for each change elsewhere. */
export class LiveTable implements Disposable {
  readonly #out: NodeJS.WriteStream
  readonly #daemons: ReadonlyMap<string, string>
  readonly #shown = new Map<string, string>()
  #height = 0

  constructor(out: NodeJS.WriteStream, daemons: ReadonlyMap<string, string>) {
    this.#out = out
    this.#daemons = daemons
    if (out.isTTY) out.write('\x1b[?25l')
  }

  /** The runs, newest first, as the program lists them. */
  update(runs: readonly Run[]): void {
    const rows = runs.toReversed().map((run) => ({ id: run.id, cells: this.#cells(run) }))
    if (this.#out.isTTY) {
      this.#redraw(rows.map(({ cells }) => cells))
      return
    }
    for (const { id, cells } of rows) {
      const line = `  ${cells.join('  ')}`
      if (this.#shown.get(id) !== line) this.#out.write(`${line}\n`)
      this.#shown.set(id, line)
    }
  }

  #cells({ scheduled_for, owner, state, count, session_id }: Run): string[] {
    return [
      `${scheduled_for.slice(11, 19)}Z`,
      (owner === null ? undefined : this.#daemons.get(owner)) ?? '-',
      (count > 1 ? `${state} x${count}` : state).padEnd('succeeded'.length),
      session_id ?? '-',
    ]
  }

  #redraw(rows: readonly (readonly string[])[]): void {
    const lines = table(HEADINGS, rows, this.#out.columns ?? 80).split('\n')
    const up = this.#height === 0 ? '' : `\x1b[${this.#height}A`
    const [heading = '', ...others] = lines.map((line) => `\x1b[2K${line}\n`)
    this.#out.write(`${up}${style(true, 'bold', heading)}${others.join('')}`)
    this.#height = lines.length
  }

  [Symbol.dispose](): void {
    if (this.#out.isTTY) this.#out.write('\x1b[?25h')
  }
}
