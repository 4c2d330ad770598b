import type { ImportStep } from '#storage/transfer/import-records.ts'

/** Records below which nothing is shown: it is over before anybody looks. */
const SHOWN_FROM = 1_000

/** One line on a terminal that says how far an import is, and goes away with it. Nothing elsewhere. */
export function importProgress(stream: NodeJS.WriteStream): Disposable & { step: (step: ImportStep) => void } {
  let shown = false
  return {
    step({ name, kind, count }) {
      if (!stream.isTTY || name !== 'written' || count < SHOWN_FROM) return
      shown = true
      stream.write(`\r\x1b[K${kind.replace('_', ' ')}: ${count}`)
    },
    [Symbol.dispose]() {
      if (shown) stream.write('\r\x1b[K')
    },
  }
}
