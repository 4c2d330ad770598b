import { InferError } from '#errors.ts'

/**
 * A signal that SIGINT and SIGTERM abort, with an E_INTERRUPTED that names them. Only the first is caught: a second one
 * ends the process the usual way. SIGHUP is left alone unless it is asked for: a handler would undo `nohup`.
 */
export function stopSignals(more: readonly NodeJS.Signals[] = []): { signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const stop = (name: NodeJS.Signals) => {
    off()
    controller.abort(new InferError('E_INTERRUPTED', `Interrupted (${name}).`))
  }
  const names: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', ...more]
  const off = () => {
    for (const name of names) process.off(name, stop)
  }
  for (const name of names) process.on(name, stop)
  return { signal: controller.signal, [Symbol.dispose]: off }
}

/** SIGHUP where the end of a terminal can be meant: `nohup` takes the terminal away from stdin. */
export function hangUp(): readonly NodeJS.Signals[] {
  return process.stdin.isTTY === true ? ['SIGHUP'] : []
}
